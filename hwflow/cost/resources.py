"""Resources of an FPGA as numbers: what a part holds, what a design takes."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Resources:
    """Primitives of a 7-series device, estimated or counted.

    ``lut`` counts all LUTs, ``lutram`` those of them that are memory; ``bram36`` goes in halves
    (one RAMB18).
    """

    lut: float = 0.0
    lutram: float = 0.0
    ff: float = 0.0
    dsp: float = 0.0
    bram36: float = 0.0

    def __add__(self, other: Resources) -> Resources:
        return Resources(*(a + b for a, b in zip(self._values(), other._values(), strict=True)))

    def __sub__(self, other: Resources) -> Resources:
        return Resources(*(a - b for a, b in zip(self._values(), other._values(), strict=True)))

    def scaled(self, factor: float) -> Resources:
        """Return ``factor`` times each."""
        return Resources(*(factor * value for value in self._values()))

    def _values(self) -> tuple[float, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))
