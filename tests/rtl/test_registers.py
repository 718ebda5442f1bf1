"""The register description: what it refuses, and the texts made from it."""

from __future__ import annotations

import json
import re

import pytest

from hwflow.rtl.registers import (
    ID,
    Field,
    Kind,
    Register,
    RegisterMap,
    c_header,
    cascade_registers,
    html_table,
    python_constants,
    read_map,
    registers_json,
    render_registers,
)


def registers(stages=2, thresholds=(6,), reorder_frames=16):
    return cascade_registers(
        stages=stages,
        classes=10,
        frame_bytes=256,
        frame_beat_bytes=8,
        thresholds=thresholds,
        reorder_frames=reorder_frames,
        build_id=7,
    )


def test_offsets_do_not_depend_on_the_number_of_stages():
    two, sixteen = registers(), registers(16, tuple(range(15)))
    for register in two.registers:
        assert sixteen[register.name].offset == register.offset
    assert sixteen["threshold_14"].reset == 14


def test_json_holds_what_a_driver_needs():
    rows = {row["name"]: row for row in json.loads(registers_json(registers()))["registers"]}
    assert rows["id"]["reset"] == ID
    assert rows["threshold_0"] | {"fields": 0, "description": 0} == {
        "name": "threshold_0",
        "offset": 0x40,
        "writable": True,
        "reset": 6,
        "fields": 0,
        "description": 0,
    }
    assert not rows["frames_in"]["writable"]
    control = {field["name"]: field for field in rows["control"]["fields"]}
    assert (control["force_stage"]["low"], control["force_stage"]["bits"]) == (4, 4)
    assert rows["control"]["reset"] == 1


@pytest.mark.parametrize("stages", [1, 2, 16])
@pytest.mark.parametrize("reorder_frames", [0, 16])
def test_what_is_read_is_what_was_written(stages, reorder_frames):
    written = registers(stages, tuple(range(5, 4 + stages)), reorder_frames)
    assert read_map(registers_json(written)) == written


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ('"low": 4,', '"low": 3,'),
        ('"name": "force_stage"', '"name": "forced_stage"'),
        ('"kind": "pulse"', '"kind": "setting"'),
        ('"offset": 20,', '"offset": 21,'),
    ],
)
def test_reading_sees_every_value(written, other):
    text = registers_json(registers())
    assert text.count(written) == 1
    changed = text.replace(written, other)
    if "offset" in written:
        with pytest.raises(ValueError, match="no word at offset 0x15"):
            read_map(changed)
    else:
        assert read_map(changed) != registers()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema_version": 1}',
        '{"registers": [1]}',
        '{"registers": [{"name": "a", "offset": 0, "description": ""}]}',
        '{"registers": [{"name": "a", "offset": 0, "description": "", "fields": [{"kind": "x"}]}]}',
    ],
)
def test_what_is_no_map_is_refused(text):
    with pytest.raises(ValueError, match=r"KeyError|TypeError|Expecting value|not a valid Kind"):
        read_map(text)


def test_a_word_holds_fields_where_their_masks_are():
    control = registers()["control"]
    assert control.word() == 0
    assert control.word(enable=1, soft_reset=1, force_enable=1, force_stage=9, shed=1) == 0x297
    assert [control.field(name).mask for name in ("enable", "force_stage", "order", "shed")] == [
        0x001,
        0x0F0,
        0x100,
        0x200,
    ]
    assert registers()["id"].field("value").mask == 0xFFFF_FFFF
    for values in ({"force_stage": 16}, {"enable": 2}, {"shed": -1}):
        with pytest.raises(ValueError, match=f"field {next(iter(values))}"):
            control.word(**values)
    with pytest.raises(KeyError):
        control.word(force=1)


def test_python_constants_are_the_headers():
    constants = {}
    exec(python_constants(registers()), constants)
    defines = re.findall(r"#define HWF_(\w+) (0x\w+?|\d+)u?$", c_header(registers()), re.MULTILINE)
    told = {name: int(value, 0) for name, value in defines}
    assert told
    assert told == {name: constants[name] for name in constants if name.isupper()}


def test_header_tells_reset_values_and_offsets_by_stage():
    lines = c_header(registers(3, (6, 7))).splitlines()
    assert lines[1:3] == ["#ifndef HWFLOW_REGISTERS_H", "#define HWFLOW_REGISTERS_H"]
    assert lines[-1] == "#endif /* HWFLOW_REGISTERS_H */"
    assert "#define HWF_CONTROL_RESET 0x00000001u" in lines
    assert "#define HWF_THRESHOLD_1_RESET 0x00000007u" in lines
    assert "HWF_STATUS_RESET " not in "\n".join(lines)  # what it reads then is an input's
    each = [line for line in lines if "(k)" in line]
    assert "#define HWF_THRESHOLD_OFFSET(k) (0x040u + 4u * (k))" in each
    assert len(each) == 6
    # What the macros say is so: words of one kind follow each other.
    words = {register.name: register.offset for register in registers(3, (6, 7)).registers}
    numbered = {name: offset for name, offset in words.items() if re.search(r"_\d+$", name)}
    for name, offset in numbered.items():
        kind, number = name.rsplit("_", 1)
        assert offset == words[f"{kind}_0"] + 4 * int(number)


def test_header_and_rtl_agree_with_the_description():
    header, rtl = c_header(registers()), render_registers(registers())
    assert "#define HWF_THRESHOLD_0_OFFSET 0x040u" in header
    assert "#define HWF_CONTROL_FORCE_STAGE_MASK 0x000000f0u" in header
    words = {int(word, 16) * 4 for word in re.findall(r"10'h([0-9a-f]+): begin", rtl)}
    assert words == {register.offset for register in registers().registers}
    assert "threshold_0_o <= 32'h6;" in rtl
    assert "TODO" not in rtl


@pytest.mark.parametrize(
    ("low", "bits", "reset"), [(31, 2, 0), (-1, 1, 0), (0, 0, 0), (0, 3, 8), (0, 3, -1)]
)
def test_field_must_fit(low, bits, reset):
    with pytest.raises(ValueError, match="field x"):
        Field("x", Kind.SETTING, low, bits, "", reset)


def test_register_must_be_a_word_with_separate_fields():
    field = Field("x", Kind.SETTING, 0, 4, "")
    with pytest.raises(ValueError, match="overlap"):
        Register("r", 0, "", (field, Field("y", Kind.STATUS, 3, 1, "")))
    for offset in (2, -4, 0x1000):
        with pytest.raises(ValueError, match="no word"):
            Register("r", offset, "", (field,))


def test_map_is_sorted_and_unique():
    one, two = Register("a", 0, "", ()), Register("b", 4, "", ())
    for rows in ((two, one), (one, one), (one, Register("a", 4, "", ()))):
        with pytest.raises(ValueError, match="unique"):
            RegisterMap(rows)
    with pytest.raises(KeyError):
        RegisterMap((one, two))["c"]


def test_html_has_a_row_per_field_and_escapes():
    text = html_table(registers())
    fields = sum(len(register.fields) for register in registers().registers)
    assert text.count("<tr><td>") == fields
    assert "margin is &gt;= this" in text
    assert text.startswith("<!DOCTYPE html>")
    assert '<meta charset="utf-8">' in text
    assert text.rstrip().endswith("</html>")
    control = re.search(r"<td>enable</td><td>(.*?)</td><td>setting</td><td>(.*?)</td>", text)
    assert control is not None
    assert control.groups() == ("read, write", "0x1")
    assert re.search(r"<td>idle</td><td>read</td><td>status</td><td>live</td>", text)
    assert all(f"<dt>{kind}</dt>" in text for kind in Kind)
