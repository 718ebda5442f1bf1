"""docs/controller.md says what registers, formulas and the RTL say, and nothing older."""

from __future__ import annotations

import re

import numpy as np
import pytest
from controller_page import DESIGN, PAGE, diagrams, parts, tables, with_parts

from hwflow.cascade import result
from hwflow.config.design import Design
from hwflow.rtl.accelerator import render
from hwflow.rtl.files import CASCADE_SOURCES

TEXT = PAGE.read_text(encoding="utf-8")
RTL = {path.stem: path for path in CASCADE_SOURCES}


def test_tables_are_those_of_the_code():
    shown = parts(TEXT)
    for name, table in tables().items():
        assert shown[name] == table, f"{name} is old; run tests/rtl/controller_page.py"


@pytest.mark.sim
def test_timing_diagrams_are_those_of_the_rtl():
    shown = parts(TEXT)
    for name, text in diagrams().items():
        assert shown[name] == text, f"{name} is old; run tests/rtl/controller_page.py"


def test_writing_parts_anew_changes_nothing_else():
    shown = parts(TEXT)
    assert with_parts(TEXT, shown) == TEXT
    changed = with_parts(TEXT, dict.fromkeys(shown, "new"))
    assert set(parts(changed).values()) == {"new"}
    assert re.sub(r"(?s)<!-- begin.*?end -->", "", changed) == re.sub(
        r"(?s)<!-- begin.*?end -->", "", TEXT
    )


def test_every_parameter_and_port_is_named():
    header = RTL["hwf_cascade"].read_text(encoding="utf-8").split(");", maxsplit=1)[0]
    names = re.findall(r"parameter [\w ]*(?:\[.*?\] )?(\w+) =", header)
    assert len(names) == 8
    ports = re.findall(r"^ +(?:input|output) .*?(\w+),?(?: *//.*)?$", header, flags=re.MULTILINE)
    assert len(ports) > 30
    told = set(re.findall(r"\w+", TEXT))
    for stream in re.findall(r"`(\w+_)tdata((?:/t\w+)*)`", TEXT):
        told |= {stream[0] + field for field in ("tdata", *stream[1].strip("/").split("/"))}
    assert not {*names, *ports} - told


def test_result_word_is_the_packers():
    rows = dict(re.findall(r"^\| ([\d:]+) \| ([\w ]+?) \|", TEXT, flags=re.MULTILINE))
    for name in ("sample id", "label", "exit stage", "margin"):
        (bits,) = (bits for bits, told in rows.items() if told == name)
        high, low = map(int, bits.split(":"))
        fields = dict.fromkeys(("sample_id", "label", "exit_stage", "margin", "flags"), 0)
        fields[name.replace(" ", "_")] = (1 << (high - low + 1)) - 1
        assert word(fields) == ((1 << (high - low + 1)) - 1) << low
    for name in ("short", "long", "forced", "shed", "ordered"):
        flag = getattr(result, f"FLAG_{name.upper()}")
        assert rows[str(55 + flag.bit_length())] == name


def word(fields):
    values = {name: np.array([value], dtype=np.int64) for name, value in fields.items()}
    return int(result.pack(result.Results(**values))[0])


def test_the_example_runs_and_prints_what_it_says(capsys):
    (example,) = re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)
    exec(example, {})
    told = re.findall(r"^print\(.*\)  # (.*)$", example, flags=re.MULTILINE)
    assert len(told) == 4
    assert capsys.readouterr().out.splitlines() == told


def test_fields_of_the_design_are_told_with_their_defaults():
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|", TEXT, flags=re.MULTILINE))
    names = ("escalation_rate", "burst_frames", "retention_frames", "reorder_frames")
    for name in (*names, "frame_beat_bytes"):
        default = Design.model_fields[name].default
        assert rows[name].strip("`") == (default if isinstance(default, str) else f"{default:g}")


def test_every_port_of_the_top_is_named():
    top = render(DESIGN)["hwf_accelerator.sv"].split(");", maxsplit=1)[0]
    ports = set(re.findall(r"^ +(?:input|output) .*?(\w+),?$", top, flags=re.MULTILINE))
    section = TEXT.split("### The generated top", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]
    named = "|".join(re.findall(r"`([a-z]\w*(?:<k>\w*)?\*?)`", section))
    pattern = named.replace("<k>", r"\d").replace("*", r"\w+")
    streams = [name for name in ports if name.startswith(("s_axis_", "m_axis_"))]
    for stream in re.findall(r"`(\w_axis_\w+)_tdata`((?:, `_t\w+`)*)", section):
        pattern += "".join(f"|{stream[0]}{end}" for end in re.findall(r"`(_t\w+)`", stream[1]))
    assert len(streams) == 7
    assert {port for port in ports if not re.fullmatch(pattern, port)} == set()


def test_blocks_and_files_that_it_names_exist():
    root = PAGE.parents[1]
    written = with_parts(TEXT, dict.fromkeys(parts(TEXT), ""))
    proofs = {f"hwf_cascade_{how}" for how in ("count", "order", "follow", "outside")}
    blocks = set(re.findall(r"`(hwf_\w+)`", written)) - {"hwf_accelerator", "hwf_regs"} - proofs
    assert blocks <= set(RTL), blocks - set(RTL)
    for proof in proofs:
        assert (root / "sim" / "formal" / f"{proof}_fv.sv").exists(), proof
    for path in re.findall(r"`((?:tests|hwflow)/[\w/.]+)`", TEXT):
        assert (root / path).exists(), path
