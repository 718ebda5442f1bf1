"""Parts and what they hold, for estimates only."""

from __future__ import annotations

from dataclasses import dataclass

from hwflow.errors import ConfigError


@dataclass(frozen=True)
class Resources:
    """LUTs, DSP slices and block RAMs of 36 Kbit, of a part or of a design (estimated)."""

    luts: float = 0.0
    dsps: float = 0.0
    brams: float = 0.0

    def __add__(self, other: Resources) -> Resources:
        return Resources(self.luts + other.luts, self.dsps + other.dsps, self.brams + other.brams)


# AMD DS190, Zynq-7000 overview, table 1.
_HELD = {
    "xc7z010": Resources(17_600, 80, 60),
    "xc7z020": Resources(53_200, 220, 140),
}


def resources_of(part: str) -> Resources:
    """Return what ``part`` holds, such as "xc7z020clg400-1".

    Raises:
        ConfigError: a part that hwflow does not know.
    """
    for name, held in _HELD.items():
        if part.startswith(name):
            return held
    raise ConfigError(f"part {part!r}: resources unknown; known are {', '.join(_HELD)}")
