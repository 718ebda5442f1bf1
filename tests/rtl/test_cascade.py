"""The whole controller with registers and dummy stages in Verilator, N = 1, 2, 3."""

from __future__ import annotations

from pathlib import Path

import pytest
from cascade_case import FAST, SLOW, Case, Dummy, build, by_formula, simulate

pytestmark = pytest.mark.sim

QUICK = (Dummy(36, 10, 3, 1), Dummy(36, 10, 0, 1), Dummy(36, 5, 2, 6))

CASES = {
    "1-one-beat": Case(SLOW[:1], 64, (), (), reorder_frames=4),
    "2-minimum": Case(SLOW[:2], 8, (2,), (1,), reorder_frames=4),
    "2-fast": Case(FAST, 32, by_formula(FAST), (4,), reorder_frames=16),
    "3-minimum": Case(SLOW, 16, (2, 2), (1, 2), reorder_frames=2),
    "3": Case(SLOW, 4, by_formula(SLOW), (3, 2), in_block=True, reorder_frames=8),
    "3-quick": Case(QUICK, 64, (5, 16), (2, 4)),
}
BENCHES = (
    "bench_traffic",
    "bench_malformed",
    "bench_settings",
    "bench_resets",
    "bench_queues",
    "bench_registers",
    "bench_pace",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder where a case, by name, is compiled: once for all tests that run it."""
    folders: dict[str, Path] = {}

    def build_once(name: str) -> Path:
        if name not in folders:
            folders[name] = build(CASES[name], tmp_path_factory.mktemp(name))
        return folders[name]

    return build_once


WHOLE = [pytest.mark.slow, pytest.mark.timeout(3600)]  # minutes on a free core


@pytest.mark.parametrize("matrix", ["slice", pytest.param("full", marks=WHOLE)])
@pytest.mark.parametrize("name", CASES)
def test_cascade(built, situations, name, matrix):
    folder = built(name)
    coverage = folder / "coverage.json"
    coverage.unlink(missing_ok=True)
    simulate(CASES[name], folder, BENCHES, env={"HWF_MATRIX": matrix})
    situations[matrix].add(name, coverage)


@pytest.mark.parametrize("matrix", ["slice", pytest.param("full", marks=pytest.mark.slow)])
def test_every_situation_was_met(situations, matrix):
    """Must run after all runs of the matrix, as it does in this file's order."""
    met = situations[matrix]
    if missing := set(CASES) - met.cases:
        pytest.skip(f"needs the {matrix} of {', '.join(sorted(missing))} in the same session")
    assert not met.unreached
