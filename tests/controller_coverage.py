"""Adds up what the controller's runs have met, and says at the end what they have not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class Situations:
    """Hits by group and bin, over all runs of the session; ``full`` are those of the whole matrix.

    The bins are declared in sim/hwf_cascade/cascade_coverage.py, and every file lists all of them.
    """

    hits: dict[str, dict[str, int]] = field(default_factory=dict)
    full: set[str] = field(default_factory=set)

    def add(self, path: Path) -> None:
        """Add the coverage file of one run."""
        for group, bins in json.loads(path.read_text(encoding="utf-8")).items():
            sums = self.hits.setdefault(group, {})
            for name, count in bins.items():
                sums[name] = sums.get(name, 0) + count

    @property
    def unreached(self) -> list[str]:
        """Bins without a hit, as "group: bin"."""
        return [
            f"{group}: {name}"
            for group, bins in self.hits.items()
            for name, count in bins.items()
            if not count
        ]


SITUATIONS = pytest.StashKey[Situations]()


@pytest.fixture(scope="session")
def situations(pytestconfig) -> Situations:
    """What the runs of this session have met so far."""
    return pytestconfig.stash.setdefault(SITUATIONS, Situations())


def pytest_terminal_summary(terminalreporter, config) -> None:
    met = config.stash.get(SITUATIONS, None)
    if met is None or not met.hits:
        return
    terminalreporter.section("functional coverage of the controller")
    for group, bins in met.hits.items():
        reached = sum(count > 0 for count in bins.values())
        counts = ", ".join(f"{name} {count}" for name, count in bins.items())
        terminalreporter.write_line(f"{group} {reached}/{len(bins)}: {counts}")
    terminalreporter.write_line(
        f"unreached: {'; '.join(met.unreached)}" if met.unreached else "every bin was reached"
    )
