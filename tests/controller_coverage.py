"""Adds up what the controller's runs have met, and says at the end what they have not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class Situations:
    """Hits by group and bin, over the session's runs of one matrix; ``cases``: which have run.

    The bins are declared in sim/hwf_cascade/cascade_coverage.py, and every file lists all of them.
    """

    hits: dict[str, dict[str, int]] = field(default_factory=dict)
    cases: set[str] = field(default_factory=set)

    def add(self, case: str, path: Path) -> None:
        """Add the coverage file of one run."""
        self.cases.add(case)
        for group, bins in json.loads(path.read_text(encoding="utf-8")).items():
            sums = self.hits.setdefault(group, {})
            for name, count in bins.items():
                sums[name] = sums.get(name, 0) + count

    @property
    def unreached(self) -> set[str]:
        """Bins without a hit, as "group: bin"."""
        return {
            f"{group}: {name}"
            for group, bins in self.hits.items()
            for name, count in bins.items()
            if not count
        }


SITUATIONS = pytest.StashKey[dict[str, Situations]]()


@pytest.fixture(scope="session")
def situations(pytestconfig) -> dict[str, Situations]:
    """What the runs of this session have met so far, by matrix."""
    met = {"slice": Situations(), "full": Situations()}
    return pytestconfig.stash.setdefault(SITUATIONS, met)


def pytest_terminal_summary(terminalreporter, config) -> None:
    for matrix, met in config.stash.get(SITUATIONS, {}).items():
        if not met.cases:
            continue
        terminalreporter.section(f"functional coverage of the controller, {matrix} matrix")
        for group, bins in met.hits.items():
            reached = sum(count > 0 for count in bins.values())
            counts = ", ".join(f"{name} {count}" for name, count in bins.items())
            terminalreporter.write_line(f"{group} {reached}/{len(bins)}: {counts}")
        missed = "; ".join(sorted(met.unreached))
        terminalreporter.write_line(f"unreached: {missed}" if missed else "every bin was reached")
