"""The generated parts of docs/controller.md; run this file to write them anew."""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml
from launch import SIM

from hwflow.bench import cascade as bench
from hwflow.bench.cascade.rig import DUMMY, DUMMY_SCORE_BITS
from hwflow.cascade.result import (
    FLAG_FORCED,
    FLAG_LONG,
    FLAG_ORDERED,
    FLAG_SHED,
    FLAG_SHORT,
)
from hwflow.cascade.retention import (
    backlog_decay,
    depth,
    frames_inside,
    queue_frames,
    reorder_depth,
)
from hwflow.rtl.accelerator import TOP, AcceleratorParameters, StagePorts, registers_of, render
from hwflow.rtl.files import CASCADE_SOURCES
from hwflow.rtl.registers import LIVE, WRITABLE, Field, Register, RegisterMap
from hwflow.simulate.cocotb_run import run_cocotb

PAGE = Path(__file__).parents[2] / "docs" / "controller.md"
TASKS = SIM / "formal" / "tasks.yaml"

# ---- Timing diagrams: each scene is run in Verilator ---------------------------------------------

FRAME_BYTES, BEAT_BYTES, BEATS, CLASSES = 24, 8, 3, 10
DUMMIES = ({"Latency": 4, "Interval": 6}, {"Latency": 8, "Interval": 16})  # of dummy_stage.sv
DESIGN = AcceleratorParameters(
    stages=tuple(StagePorts(f"stage{k}", BEAT_BYTES, DUMMY_SCORE_BITS, CLASSES) for k in range(2)),
    classes=CLASSES,
    frame_bytes=FRAME_BYTES,
    frame_beat_bytes=BEAT_BYTES,
    retention_frames=(4,),
    queue_frames=(1,),
    retention_in_block=(False,),
    threshold_int=(5000,),  # between the margins of easy and of hard frames
    reorder_frames=4,
)
SCENES = {  # frames, by stage that they reach and beats; fields of control that are 1
    "exit": ([(0, BEATS)], {}),
    "escalate": ([(1, BEATS), (0, BEATS)], {}),
    "order": ([(1, BEATS), (0, BEATS)], {"order": 1}),
    "stall": ([(1, BEATS)] * 8, {}),
    "shed": ([(1, BEATS)] * 8, {"shed": 1}),
    "short": ([(0, 1), (0, BEATS)], {}),
    "long": ([(0, BEATS + 2), (0, BEATS)], {}),
}
ROWS = {
    "s_axis_frame_tvalid": "tvalid",
    "s_axis_frame_tready": "tready",
    "s_axis_frame_tlast": "tlast",
    "m_axis_stage_tvalid[0]": "stage_tvalid_0",
    "verdict_valid_i[0]": "verdict_valid_0",
    "retained_o": "retained",
    "m_axis_stage_tvalid[1]": "stage_tvalid_1",
    "verdict_valid_i[1]": "verdict_valid_1",
    "m_axis_result_tvalid": "result_tvalid",
}
RESULT_ROWS = {"sample id": "result_id", "exit stage": "result_stage", "flags": "result_flags"}
FLAG_LETTERS = {
    FLAG_SHORT: "s",
    FLAG_LONG: "l",
    FLAG_FORCED: "f",
    FLAG_SHED: "q",
    FLAG_ORDERED: "o",
}
COUNTED = {"retained_o"}
OF_THE_DESIGN = {"build_id", "shape", "frame_bytes", "reorder_frames"}


def _flags(value: int) -> str:
    return "".join(letter for flag, letter in FLAG_LETTERS.items() if value & flag) or "-"


def diagram(rows: Mapping[str, list[int]]) -> str:
    """Return recorded rows as text, two characters a clock."""
    clocks = range(len(rows["tvalid"]))
    width = max(map(len, ROWS)) + 2
    lines = ["clock".ljust(width) + "".join(f"{n:<2}" if n % 5 == 0 else "  " for n in clocks)]
    for name, key in ROWS.items():
        values = rows[key]
        if name in COUNTED:
            text = "".join(f"{value:<2}" for value in values)
        elif not any(values):
            continue
        else:
            text = "".join("‾‾" if value else "__" for value in values)
        lines.append(name.ljust(width) + text)
    for name, key in RESULT_ROWS.items():
        shown = [_flags(value) for value in rows[key]] if name == "flags" else rows[key]
        text = "".join(
            f"{value:<2}" if valid else "  "
            for value, valid in zip(shown, rows["result_tvalid"], strict=True)
        )
        lines.append(f"  {name}".ljust(width) + text)
    return "\n".join(["```text", *(line.rstrip() for line in lines), "```"])


def stage(index: int) -> str:
    """Return module stage<index>, a dummy with the ports of a stitched stage."""
    values = {"Stage": index, "FrameBytes": FRAME_BYTES, "InBytes": BEAT_BYTES}
    values |= {"Classes": CLASSES, "Lanes": CLASSES} | DUMMIES[index]
    parameters = ", ".join(f".{name}({value})" for name, value in values.items())
    return f"""
module stage{index} (
    input wire ap_clk,
    input wire ap_rst_n,
    input wire [{8 * BEAT_BYTES - 1}:0] s_axis_0_tdata,
    input wire s_axis_0_tvalid,
    output wire s_axis_0_tready,
    output wire [{DUMMY_SCORE_BITS * CLASSES - 1}:0] m_axis_0_tdata,
    output wire m_axis_0_tvalid,
    input wire m_axis_0_tready
);
  dummy_stage #({parameters}) u_dummy (.*);
endmodule
"""


def diagrams() -> dict[str, str]:
    """Return the page's timing diagrams, as a simulation of now shows them."""
    control = registers_of(DESIGN)["control"]
    shape = {"stages": 2, "classes": CLASSES, "beat_bytes": BEAT_BYTES, "beats": BEATS}
    shape["control"] = control.offset
    scenes = {
        name: {"frames": frames, "control": control.word(enable=1, **settings)}
        for name, (frames, settings) in SCENES.items()
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = [*CASCADE_SOURCES, Path(bench.__file__).parent / DUMMY]
        texts = {f"stage{k}.sv": stage(k) for k in range(2)} | render(DESIGN)
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
            sources.append(folder / file)
        run_cocotb(
            TOP,
            sources=sources,
            test_module="bench_waves",
            build_dir=folder / "build",
            python_path=[SIM / "common", SIM / "hwf_cascade"],
            env={"HWF_SHAPE": json.dumps(shape), "HWF_SCENES": json.dumps(scenes)},
        )
        return {
            f"waves-{scene}": diagram(json.loads((folder / "build" / f"{scene}.json").read_text()))
            for scene in SCENES
        }


# ---- Tables --------------------------------------------------------------------------------------


def _indexed(registers: RegisterMap) -> list[tuple[Register, bool]]:
    """Return one register for each row of numbered ones, and whether it is such."""
    rows = []
    for register in registers.registers:
        number = re.search(r"_(\d+)$", register.name)
        if number is None or number.group(1) == "0":
            rows.append((register, number is not None))
    return rows


def register_table() -> str:
    """Return the register map, numbered registers in one row."""
    registers = registers_of(DESIGN)
    lines = [
        "| offset | register | bits | field | access | kind | reset | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for register, indexed in _indexed(registers):
        name, offset = register.name, f"0x{register.offset:03x}"
        if indexed:
            name, offset = f"{name[:-1]}k", f"{offset} + 4k"
        for field in register.fields:
            description = field.description
            if indexed:
                description = re.sub(r"\bstage 0\b", "stage k", description)
            bits = f"{field.high}:{field.low}" if field.bits > 1 else str(field.low)
            access = "read, write" if field.kind in WRITABLE else "read"
            lines.append(
                f"| {offset} | `{name}` | {bits} | `{field.name}` | {access} | {field.kind} | "
                f"{_reset(register, field)} | {description} |"
            )
    return "\n".join(lines)


def _reset(register: Register, field: Field) -> str:
    """Return what is read after reset, in words where it is not the same in every design."""
    if field.kind in LIVE:
        return "live"
    if register.name in OF_THE_DESIGN or register.name.startswith("threshold_"):
        return "design"
    return f"0x{field.reset:x}" if field.reset > 9 else str(field.reset)


def retention_example() -> str:
    """Return what the formulas give for a cascade that the page calculates."""
    ii, latency, next_ii, next_latency = 1024, 2600, 8192, 9000
    lines = [
        "| ρ | r | runs of hard frames | θ × II₁ | inside | waiting | slots | queue share "
        "| reorder places |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for load, burst in ((0.3, 1.0), (0.6, 1.0), (0.9, 1.0), (0.6, 3.0)):
        rate = load * ii / next_ii
        theta = backlog_decay(rate, ii_cycles=ii, next_ii_cycles=next_ii, burst_frames=burst)
        slots = depth(
            latency_cycles=latency,
            ii_cycles=ii,
            next_ii_cycles=next_ii,
            escalation_rate=rate,
            burst_frames=burst,
        )
        inside = frames_inside(latency_cycles=latency, ii_cycles=ii)
        queue = queue_frames(slots, latency_cycles=latency, ii_cycles=ii)
        places = reorder_depth(
            latency_cycles=[latency, next_latency], ii_cycles=[ii, next_ii], queue_frames=[queue]
        )
        exponent = theta * next_ii
        waiting = math.ceil(math.log(1000) / exponent)
        runs = "by chance" if burst == 1.0 else f"{burst:.0f} on the average"
        lines.append(
            f"| {load} | {rate:.4f} | {runs} | {exponent:.3f} | {inside} | {waiting} | {slots} "
            f"| {queue} | {places} |"
        )
    return "\n".join(lines)


def formal_table() -> str:
    """Return what ``make formal`` proves of each block, by the list that it works off."""
    lines = ["| block | holds | reached | method, depth | sizes |", "|---|---|---|---|---|"]
    for task in yaml.safe_load(TASKS.read_text(encoding="utf-8")):
        says = "; ".join(entry["says"] for entry in task["properties"].values())
        reached = "; ".join(task.get("covers", {}).values())
        method = {"prove": "induction", "bmc": "bounded"}[task.get("method", "prove")]
        cases = "; ".join(
            ", ".join(f"{name} {value}" for name, value in case.items()) for case in task["cases"]
        )
        sizes = ": ".join(filter(None, (task.get("sizes"), cases)))
        block = task["top"].removesuffix("_fv")
        lines.append(f"| `{block}` | {says} | {reached} | {method}, {task['depth']} | {sizes} |")
    return "\n".join(lines)


def tables() -> dict[str, str]:
    """Return the page's generated tables."""
    return {
        "registers": register_table(),
        "retention-example": retention_example(),
        "formal": formal_table(),
    }


# ---- The page ------------------------------------------------------------------------------------


def parts(text: str) -> dict[str, str]:
    """Return the generated parts of the page by name."""
    found = re.findall(r"<!-- begin (\S+) -->\n(.*?)\n<!-- end -->", text, flags=re.DOTALL)
    return dict(found)


def with_parts(text: str, fresh: Mapping[str, str]) -> str:
    """Return the page with its parts as in ``fresh``."""
    return re.sub(
        r"(<!-- begin (\S+) -->\n).*?(\n?<!-- end -->)",
        lambda match: f"{match.group(1)}{fresh[match.group(2)]}\n<!-- end -->",
        text,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_parts(page, diagrams() | tables()), encoding="utf-8")
