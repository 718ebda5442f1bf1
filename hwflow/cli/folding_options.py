"""Options of `hwflow build` for folding and FIFO depths; they replace what the design says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwflow.config.base import parse
from hwflow.config.design import Design
from hwflow.errors import ConfigError

AUTO = "auto"
_EXAMPLE = "--fill lut=0.6,bram=0.7,dsp=0.9, or --fill auto"


@dataclass(frozen=True)
class FoldingOptions:
    """As given on the command line; None where not given."""

    target_ii: int | None = None
    target_fps: float | None = None
    fill: str | None = None
    folding: Path | None = None

    def applied(self, design: Design) -> Design:
        """Return ``design`` with these options instead of its own targets.

        A folding file's path comes back absolute.

        Raises:
            ConfigError: options that exclude each other, or a fill that cannot be read.
        """
        goals = {
            "--target-ii": self.target_ii,
            "--target-fps": self.target_fps,
            "--folding": self.folding,
        }
        given = [name for name, value in goals.items() if value is not None]
        if len(given) > 1:
            raise ConfigError(f"{' and '.join(given)} exclude each other: give one of them")
        if self.folding is not None and self.fill is not None:
            raise ConfigError("--folding and --fill exclude each other: the file says it all")
        if not given and self.fill is None:
            return design
        told: dict[str, Any] = design.model_dump(mode="json")
        if self.fill is not None:
            told["fill"] = _fill(self.fill)
        told |= {"target_ii": None, "target_fps": None, "folding": None}
        told["stages"] = [{} for _ in design.stages]
        if self.target_ii is not None:
            told["target_ii"] = self.target_ii
        elif self.target_fps is not None:
            told["target_fps"] = self.target_fps
        elif self.folding is not None:
            told |= {"folding": str(self.folding.absolute()), "fill": None}
        return parse(Design, told, source=" ".join([*given, *(["--fill"] if self.fill else [])]))


def with_fifos(design: Design, fifos: str | None) -> Design:
    """Return ``design`` with ``--fifos``, if given, instead of its own; a path comes back absolute.

    Raises:
        ConfigError: it is neither a word of the design's nor a .json file.
    """
    if fifos is None:
        return design
    told = design.model_dump(mode="json") | {"fifos": fifos}
    found = parse(Design, told, source="--fifos")
    if found.fifos_file is None:
        return found
    return found.model_copy(update={"fifos": str(Path(found.fifos_file).absolute())})


def _fill(text: str) -> str | dict[str, float]:
    if text.strip() == AUTO:
        return AUTO
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        try:
            share = float(value)
        except ValueError as error:
            raise ConfigError(f"--fill {text}: expected shares such as {_EXAMPLE}") from error
        if not equals or name not in {"lut", "bram", "dsp"} or name in shares:
            raise ConfigError(
                f"--fill {text}: expected each of lut, bram, dsp at most once, such as {_EXAMPLE}"
            )
        shares[name] = share
    return shares
