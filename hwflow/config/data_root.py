"""Where the files of data sets lie: a value of the command line, no part of a recipe."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hwflow.cache import cache_dir
from hwflow.errors import ConfigError

VARIABLE = "HWFLOW_DATA"


@dataclass(frozen=True)
class DataRoot:
    """The folder of all data sets, and whether what is missing there may be downloaded.

    ``folder``: none stands for $HWFLOW_DATA, and without that for ``datasets`` in hwflow's cache.
    """

    folder: Path | None = None
    download: bool = False

    @property
    def path(self) -> Path:
        """The folder, absolute.

        Raises:
            ConfigError: somebody named a folder that does not exist.
        """
        told = os.environ.get(VARIABLE)
        chosen = self.folder or (Path(told) if told else None)
        if chosen is None:
            return cache_dir("datasets")
        if not chosen.is_dir() and not self.download:
            by = "--data" if self.folder else VARIABLE
            raise ConfigError(
                f"{chosen}: no such folder; {by} has to name the one that holds the data sets"
            )
        return chosen.absolute()

    def missing(self, what: str, *places: Path, remedy: str = "") -> ConfigError:
        """Return the error that ``what`` lies in none of ``places``."""
        listed = " or ".join(str(place) for place in places)
        get = remedy or "let hwflow fetch it with --download"
        return ConfigError(
            f"{what}: not found; expected {listed}. Name the folder that holds the data sets with "
            f"--data or {VARIABLE}, or {get}"
        )


USUAL = DataRoot()
"""Where data sets lie unless the user says otherwise."""
