"""Counts which of the situations that were declared beforehand a run has seen.

Not ``coverage``: that name is a package's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path


class Coverage:
    """Bins by group; each run adds its hits to what the file at ``path`` holds already."""

    def __init__(self, bins: Mapping[str, Sequence[str]], path: Path) -> None:
        self._path = path
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.hits = {
            group: {name: before.get(group, {}).get(name, 0) for name in names}
            for group, names in bins.items()
        }

    def hit(self, group: str, name: str) -> None:
        """Count one hit; KeyError if nobody declared that bin."""
        self.hits[group][name] += 1

    def save(self) -> None:
        """Write all bins, unreached ones as 0: {group: {bin: hits}}."""
        self._path.write_text(json.dumps(self.hits, indent=1) + "\n", encoding="utf-8")
