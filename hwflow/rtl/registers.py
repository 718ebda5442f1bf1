"""The accelerator's registers: one description for RTL, drivers and documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from hwflow.rtl.template import render_template

ID = 0x48574643  # "HWFC"
VERSION = 0x0001_0001  # major, minor
ADDRESS_BITS = 12
WORD_BYTES = 4


class Kind(StrEnum):
    """Where a field's value comes from and who may change it.

    A ``setting`` is written by the driver; a ``pulse`` reads as 0 and fires when 1 is written;
    ``constant`` is fixed in the design; ``status`` is a live input; a ``counter`` counts event
    cycles and wraps; a ``peak`` holds the highest value of an input; ``timer`` counts every clock
    in 64 bits, whose upper half ``timer_high`` holds as it was when the lower half was read; a
    ``sticky`` bit is set by an event and cleared by writing 1, the event going first.
    Soft reset clears counters, peaks and the timer.
    """

    SETTING = "setting"
    PULSE = "pulse"
    CONSTANT = "constant"
    STATUS = "status"
    COUNTER = "counter"
    PEAK = "peak"
    TIMER = "timer"
    TIMER_HIGH = "timer_high"
    STICKY = "sticky"


KINDS = {
    Kind.SETTING: "keeps what is written",
    Kind.PULSE: "acts when 1 is written, reads 0",
    Kind.CONSTANT: "fixed in the design",
    Kind.STATUS: "an input as it is now",
    Kind.COUNTER: "counts events, wraps; a soft reset clears it",
    Kind.PEAK: "highest value since reset, or soft reset",
    Kind.TIMER: "clocks since reset, or soft reset, lower half; a read latches the upper one",
    Kind.TIMER_HIGH: "the latched upper half",
    Kind.STICKY: "set by an event, cleared by writing 1; the event wins",
}
WRITABLE = frozenset({Kind.SETTING, Kind.PULSE, Kind.STICKY})
LIVE = frozenset({Kind.STATUS})  # what is read after reset is the input's


@dataclass(frozen=True)
class Field:
    """``bits`` bits of a register from bit ``low`` on; ``reset`` is a constant's value too."""

    name: str
    kind: Kind
    low: int
    bits: int
    description: str
    reset: int = 0

    def __post_init__(self) -> None:
        if self.low < 0 or self.bits < 1 or self.low + self.bits > 8 * WORD_BYTES:
            raise ValueError(f"field {self.name}: bits {self.low}+{self.bits} leave the word")
        if not 0 <= self.reset < 1 << self.bits:
            raise ValueError(f"field {self.name}: reset {self.reset} needs over {self.bits} bits")

    @property
    def high(self) -> int:
        """Highest bit."""
        return self.low + self.bits - 1

    @property
    def mask(self) -> int:
        """Its bits in the word, all 1."""
        return ((1 << self.bits) - 1) << self.low


@dataclass(frozen=True)
class Register:
    """One 32-bit word; bits that no field claims read as 0 and ignore writes."""

    name: str
    offset: int
    description: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        claimed = [bit for field in self.fields for bit in range(field.low, field.high + 1)]
        if len(claimed) != len(set(claimed)):
            raise ValueError(f"register {self.name}: fields overlap")
        if self.offset % WORD_BYTES or not 0 <= self.offset < 1 << ADDRESS_BITS:
            raise ValueError(f"register {self.name}: no word at offset {self.offset:#x}")

    @property
    def writable(self) -> bool:
        """False: a write is answered with SLVERR and changes nothing."""
        return any(field.kind in WRITABLE for field in self.fields)

    @property
    def live(self) -> bool:
        """Whether what is read after reset is an input's."""
        return any(field.kind in LIVE for field in self.fields)

    @property
    def reset(self) -> int:
        """The word that is read after reset, status inputs being 0."""
        return sum(field.reset << field.low for field in self.fields)

    def field(self, name: str) -> Field:
        """Return the field of that name; KeyError if there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def word(self, **values: int) -> int:
        """Return the word in which these fields have these values, and all other bits are 0.

        Raises:
            KeyError: no such field.
            ValueError: a value that its field cannot hold.
        """
        word = 0
        for name, value in values.items():
            field = self.field(name)
            if not 0 <= value < 1 << field.bits:
                raise ValueError(f"field {name}: {value} is none of its {field.bits} bits")
            word |= value << field.low
        return word

    def signal(self, field: Field) -> str:
        """Return the field's signal name in RTL."""
        return self.name if field.name == "value" else f"{self.name}_{field.name}"


@dataclass(frozen=True)
class RegisterMap:
    """All registers, by rising offset. Unmapped reads return 0 with SLVERR."""

    registers: tuple[Register, ...]

    def __post_init__(self) -> None:
        offsets = [register.offset for register in self.registers]
        names = [register.name for register in self.registers]
        if offsets != sorted(set(offsets)) or len(names) != len(set(names)):
            raise ValueError("registers: names and rising offsets must be unique")

    def __getitem__(self, name: str) -> Register:
        """Return the register of that name; KeyError if there is none."""
        for register in self.registers:
            if register.name == name:
                return register
        raise KeyError(name)


def _word(name: str, offset: int, kind: Kind, description: str, *, reset: int = 0) -> Register:
    bits = 16 if kind in (Kind.STATUS, Kind.PEAK) else 32
    return Register(name, offset, description, (Field("value", kind, 0, bits, description, reset),))


def cascade_registers(
    *,
    stages: int,
    classes: int,
    frame_bytes: int,
    frame_beat_bytes: int,
    thresholds: Sequence[int],
    reorder_frames: int,
    build_id: int,
) -> RegisterMap:
    """Return the register map of a cascade; offsets are the same for every number of stages.

    ``thresholds``: reset values, one per decision. ``reorder_frames``: 0 if there is no store.
    """
    order = "Results leave in order of acceptance"
    control = (
        Field("enable", Kind.SETTING, 0, 1, "Take frames; 0 stops before the next frame", 1),
        Field(
            "soft_reset",
            Kind.PULSE,
            1,
            1,
            "Discard every frame inside, reset stages and counters, restart sample ids at 0; "
            "the rest of a half-accepted frame is drained to its tlast. Settings stay",
        ),
        Field("force_enable", Kind.SETTING, 2, 1, "Every frame exits at stage force_stage"),
        Field(
            "force_stage",
            Kind.SETTING,
            4,
            4,
            "Exit stage while force_enable is set; beyond the last stage means the last",
        ),
        Field("order", Kind.SETTING, 8, 1, order)
        if reorder_frames
        else Field("order", Kind.CONSTANT, 8, 1, f"{order}: not in this design"),
        Field(
            "shed",
            Kind.SETTING,
            9,
            1,
            "A frame that would wait in a full queue exits early instead; 0: it waits",
        ),
    )
    status = (
        Field("idle", Kind.STATUS, 0, 1, "No frame is inside"),
        Field("draining", Kind.STATUS, 1, 1, "The rest of a frame is being discarded"),
        Field("resetting", Kind.STATUS, 2, 1, "Soft reset is going on"),
    )
    shape = (
        Field("stages", Kind.CONSTANT, 0, 5, "Number of stages", stages),
        Field("beat_bytes", Kind.CONSTANT, 8, 7, "Bytes per frame beat", frame_beat_bytes),
        Field("classes", Kind.CONSTANT, 16, 13, "Number of classes", classes),
    )
    registers = [
        _word("id", 0x00, Kind.CONSTANT, "'HWFC': this is a hwflow cascade", reset=ID),
        _word("version", 0x04, Kind.CONSTANT, "Major (31:16), minor (15:0)", reset=VERSION),
        _word("build_id", 0x08, Kind.CONSTANT, "Which build this is", reset=build_id),
        Register("shape", 0x0C, "Sizes of the design", shape),
        _word("frame_bytes", 0x10, Kind.CONSTANT, "Bytes per frame", reset=frame_bytes),
        Register(
            "control",
            0x14,
            "Control; force, order and shed are sampled with a frame's first beat",
            control,
        ),
        Register("status", 0x18, "Status", status),
        _word(
            "reorder_frames",
            0x1C,
            Kind.CONSTANT,
            "Ordered frames that may be inside",
            reset=reorder_frames,
        ),
        _word("cycles_low", 0x20, Kind.TIMER, "Clock cycles, bits 31:0; a read latches the rest"),
        _word("cycles_high", 0x24, Kind.TIMER_HIGH, "Clock cycles, bits 63:32, as latched"),
        _word("frames_in", 0x28, Kind.COUNTER, "Frames whose first beat was accepted"),
        _word("frames_short", 0x2C, Kind.COUNTER, "Frames padded after an early tlast"),
        _word("frames_long", 0x30, Kind.COUNTER, "Frames cut for want of a tlast"),
        _word("stall_input", 0x34, Kind.COUNTER, "Cycles in which a frame beat had to wait"),
    ]
    registers += [
        _word(
            f"threshold_{k}",
            0x040 + 4 * k,
            Kind.SETTING,
            f"A frame exits at stage {k} if its margin is >= this; sampled with its first beat",
            reset=value,
        )
        for k, value in enumerate(thresholds)
    ]
    registers += [
        _word(f"exits_{k}", 0x080 + 4 * k, Kind.COUNTER, f"Results of stage {k} delivered")
        for k in range(stages)
    ]
    registers += [
        _word(
            f"stall_stage_{k}", 0x0C0 + 4 * k, Kind.COUNTER, f"Cycles in which stage {k} held input"
        )
        for k in range(stages)
    ]
    for base, kind, name, what in (
        (0x100, Kind.STATUS, "retained", "now"),
        (0x140, Kind.PEAK, "retained_peak", "at most since reset"),
    ):
        registers += [
            _word(f"{name}_{k}", base + 4 * k, kind, f"Frames retained beside stage {k}, {what}")
            for k in range(stages - 1)
        ]
    registers += _alarm_and_interrupt()
    registers += [
        _word(f"shed_{k}", 0x1C0 + 4 * k, Kind.COUNTER, f"Results of stage {k} that were shed")
        for k in range(stages - 1)
    ]
    return RegisterMap(tuple(registers))


def _alarm_and_interrupt() -> list[Register]:
    window = "Decisions of stage 0 in a window of the escalation alarm; 0 switches it off"
    limit = "The alarm tells of a window in which more frames than this were unsure"
    causes = (
        ("alarm", "More frames were unsure than alarm_limit"),
        ("malformed", "A frame was short or long"),
        ("shed", "A frame was shed"),
    )
    status = tuple(
        Field(name, Kind.STICKY, bit, 1, f"{what}; write 1 to clear")
        for bit, (name, what) in enumerate(causes)
    )
    enable = tuple(
        Field(name, Kind.SETTING, bit, 1, f"irq_o is high while irq_status.{name} is set")
        for bit, (name, _) in enumerate(causes)
    )
    return [
        Register("alarm_window", 0x180, window, (Field("value", Kind.SETTING, 0, 16, window),)),
        Register("alarm_limit", 0x184, limit, (Field("value", Kind.SETTING, 0, 16, limit),)),
        Register("irq_status", 0x188, "What happened since it was cleared", status),
        Register("irq_enable", 0x18C, "What raises the interrupt", enable),
    ]


def render_registers(registers: RegisterMap) -> str:
    """Return module ``hwf_regs`` (AXI4-Lite slave) as SystemVerilog."""
    return render_template("hwf_regs.sv.j2", map=registers, address_bits=ADDRESS_BITS)


def registers_json(registers: RegisterMap) -> str:
    """Return ``registers.json``: name, offset, access, reset value and fields of each register."""
    rows = [
        {**asdict(register), "writable": register.writable, "reset": register.reset}
        for register in registers.registers
    ]
    return json.dumps({"schema_version": 1, "registers": rows}, indent=2) + "\n"


def read_map(text: str) -> RegisterMap:
    """Return the map that ``registers_json`` wrote as ``text``.

    Raises:
        ValueError: it is no such map.
    """
    try:
        return RegisterMap(tuple(_read_register(row) for row in json.loads(text)["registers"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _read_register(row: Mapping[str, Any]) -> Register:
    fields = tuple(Field(**{**told, "kind": Kind(told["kind"])}) for told in row["fields"])
    return Register(row["name"], row["offset"], row["description"], fields)


def c_header(registers: RegisterMap) -> str:
    """Return the map as a C header: offset and reset value; mask and shift of each field.

    Offsets of registers that each stage has are macros of its number too. Live inputs have no reset
    value.
    """
    guard = "HWFLOW_REGISTERS_H"
    lines = ["/* SPDX-License-Identifier: BSD-3-Clause */", f"#ifndef {guard}", f"#define {guard}"]
    lines.append("")
    for register in registers.registers:
        name = f"HWF_{register.name.upper()}"
        if register.name.endswith("_0"):
            each = f"{name.removesuffix('_0')}_OFFSET(k)"
            lines.append(f"#define {each} (0x{register.offset:03x}u + {WORD_BYTES}u * (k))")
        lines.append(f"#define {name}_OFFSET 0x{register.offset:03x}u")
        if not register.live:
            lines.append(f"#define {name}_RESET 0x{register.reset:08x}u")
        for field in _parts(register):
            lines.append(f"#define {name}_{field.name.upper()}_MASK 0x{field.mask:08x}u")
            lines.append(f"#define {name}_{field.name.upper()}_SHIFT {field.low}u")
    return "\n".join([*lines, "", f"#endif /* {guard} */"]) + "\n"


def python_constants(registers: RegisterMap) -> str:
    """Return the map as a Python module that imports nothing; what it names, the C header does."""
    lines = [
        "# SPDX-License-Identifier: BSD-3-Clause",
        '"""Registers of hwf_accelerator: byte offset, reset value; mask and shift of fields."""',
        "",
    ]
    for register in registers.registers:
        name = register.name.upper()
        lines.append(f"{name}_OFFSET = 0x{register.offset:03X}")
        if not register.live:
            lines.append(f"{name}_RESET = 0x{register.reset:08X}")
        for field in _parts(register):
            lines.append(f"{name}_{field.name.upper()}_MASK = 0x{field.mask:08X}")
            lines.append(f"{name}_{field.name.upper()}_SHIFT = {field.low}")
    return "\n".join(lines) + "\n"


def _parts(register: Register) -> tuple[Field, ...]:
    """Return the fields of which a driver must know the place: not that of a whole word."""
    whole = len(register.fields) == 1 and register.fields[0].bits == 8 * WORD_BYTES
    return () if whole else register.fields


def html_table(registers: RegisterMap) -> str:
    """Return the map as one self-contained HTML page, a row per field."""
    return render_template(
        "registers.html.j2", map=registers, writable=WRITABLE, live=LIVE, kinds=KINDS
    )
