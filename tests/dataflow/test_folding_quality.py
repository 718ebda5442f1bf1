"""The solver against every folding of little networks, and against FINN's SetFolding."""

from __future__ import annotations

import numpy as np
import pytest

from hwflow.dataflow import finn
from hwflow.dataflow.folding.quality import against_all, against_set_folding

from .integer_nets import NETWORKS

pytestmark = pytest.mark.finn

PART = "xc7z020"


@pytest.fixture(scope="module", autouse=True)
def _finn_session(tmp_path_factory):
    with finn.session(tmp_path_factory.mktemp("finn") / "work"):
        yield


def test_no_folding_of_a_little_network_is_cheaper():
    rows = against_all(24, part=PART)
    assert len(rows) == 24
    assert {row.seed % 3 for row in rows} == {0, 1, 2}  # chains, depthwise, joins
    assert sum(row.bound for row in rows) >= 8  # the budget decides, not the target alone
    assert sum(np.isfinite(row.optimum) for row in rows) >= 18
    for row in rows:
        assert abs(row.excess) < 1e-6, row


@pytest.mark.parametrize("name", NETWORKS)
def test_never_worse_than_set_folding_at_its_own_pace(name):
    rows = against_set_folding(NETWORKS[name](), (200, 1000, 5000), name=name, part=PART)
    for row in rows:
        assert row.solver <= row.set_folding * (1 + 1e-9), row
        assert row.gap == 0
    if name != "wide":  # with few channels there is little to choose
        assert any(row.solver < 0.99 * row.set_folding for row in rows)
