"""What the benches use beside a simulator: coverage counts, rows of a matrix."""

from __future__ import annotations

import importlib.util
from itertools import combinations, product

import pytest
from launch import SIM


def load(name):
    """Import a module of sim/common, which is no package."""
    spec = importlib.util.spec_from_file_location(name, SIM / "common" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_later_run_adds_to_the_file_of_the_one_before(tmp_path):
    coverage = load("functional_coverage").Coverage
    path = tmp_path / "coverage.json"
    for _ in range(2):
        run = coverage({"stall": ("never", "often"), "order": ("kept",)}, path)
        run.hit("stall", "often")
        run.save()
    again = coverage({"stall": ("never", "often"), "order": ("kept",)}, path)
    assert again.hits == {"stall": {"never": 0, "often": 2}, "order": {"kept": 0}}


def test_only_declared_bins_can_be_hit(tmp_path):
    run = load("functional_coverage").Coverage({"stall": ("never",)}, tmp_path / "coverage.json")
    for group, name in (("stall", "often"), ("idle", "never")):
        with pytest.raises(KeyError):
            run.hit(group, name)


def test_every_pair_meets_in_few_rows():
    factors = {"a": (1, 2, 3), "b": (1, 2, 3), "c": ("x",), "d": (True, False), "e": range(5)}
    rows = load("factors").every_pair(factors)
    values = list(factors.values())
    for i, j in combinations(range(len(values)), 2):
        met = {(row[i], row[j]) for row in rows}
        assert met == set(product(values[i], values[j]))
    assert len(rows) <= 20
    assert set(rows) <= set(product(*values))
