"""The cost of a lane is what the recorded yosys runs say."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

from hwflow.cost.luts import LUTS_PER_BIT_PRODUCT, lut_lane_cost

RUNS = json.loads(files("hwflow.cost").joinpath("luts.json").read_text(encoding="utf-8"))["runs"]


def marginal_costs():
    """Return {(weight bits, act bits): LUTs of a further lane}, between a few lanes and many."""
    costs = {}
    for bits in {(run["weight_bits"], run["act_bits"]) for run in RUNS}:
        few, many = sorted(
            (run for run in RUNS if (run["weight_bits"], run["act_bits"]) == bits),
            key=lambda run: run["simd"],
        )
        lanes = many["pe"] * many["simd"] - few["pe"] * few["simd"]
        costs[bits] = (many["lut"] - few["lut"]) / lanes
    return costs


def test_the_constant_is_the_fit():
    costs = marginal_costs()
    products = np.array([w * a for w, a in costs])
    fit = np.mean(np.array(list(costs.values())) / products)
    assert pytest.approx(fit, abs=0.005) == LUTS_PER_BIT_PRODUCT


def test_every_run_is_close():
    for (weight_bits, act_bits), cost in marginal_costs().items():
        assert lut_lane_cost(weight_bits, act_bits) == pytest.approx(cost, rel=0.1)
