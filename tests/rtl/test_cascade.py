"""The whole controller with registers and dummy stages in Verilator, N = 1, 2, 3."""

from __future__ import annotations

import pytest
from cascade_case import (
    FAST,
    SLOW,
    Case,
    build,
    by_formula,
    simulate,
)

pytestmark = pytest.mark.sim


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(SLOW[:1], 64, (), (), reorder_frames=4), id="1-one-beat"),
        pytest.param(Case(SLOW[:2], 8, (2,), (1,), reorder_frames=4), id="2-minimum"),
        pytest.param(Case(FAST, 32, by_formula(FAST), (4,), reorder_frames=16), id="2-fast"),
        pytest.param(Case(SLOW, 4, by_formula(SLOW), (4, 2), in_block=True), id="3"),
    ],
)
def test_cascade(tmp_path, case):
    simulate(case, build(case, tmp_path), ["bench_cascade"])
