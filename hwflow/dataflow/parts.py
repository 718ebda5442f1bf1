"""Parts and what they hold."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from hwflow.config.accelerator import Estimate
from hwflow.cost.resources import Resources
from hwflow.errors import ConfigError

log = logging.getLogger(__name__)

# AMD DS190, Zynq-7000 overview, table 1; UG474: SLICEM LUTs are 17,400 of the 7Z020's.
_HELD = {
    "xc7z010": Resources(lut=17_600, lutram=6_000, ff=35_200, dsp=80, bram36=60),
    "xc7z020": Resources(lut=53_200, lutram=17_400, ff=106_400, dsp=220, bram36=140),
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


def warn_of_excess(part: str, layers: Iterable[Estimate]) -> None:
    """Log a warning for each resource of which the ``layers`` take more than ``part`` holds."""
    held, each = resources_of(part), tuple(layers)
    names = {"lut": "LUTs", "ff": "flip-flops", "dsp": "DSPs", "bram36": "BRAM36"}
    for name, told in names.items():
        taken, there = sum(getattr(one, name) for one in each), getattr(held, name)
        if taken > there:
            log.warning(
                "the layers take %s %s by estimate, of %s in %s: for simulation only",
                f"{taken:,g}",
                told,
                f"{there:,g}",
                part,
            )
