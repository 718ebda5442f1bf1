"""The 64-bit result word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwflow.cascade.result import FLAG_FORCED, FLAG_LONG, FLAG_SHORT, Results, pack, unpack

FIELDS = {"sample_id": 16, "label": 12, "exit_stage": 4, "margin": 24, "flags": 8}


def results_of(**values):
    arrays = {name: np.array(values.get(name, [0]), dtype=np.int64) for name in FIELDS}
    return Results(**arrays)


def test_layout_is_that_of_the_header():
    word = pack(
        results_of(sample_id=[0x1234], label=[0xABC], exit_stage=[5], margin=[0x6789AB], flags=[4])
    )
    assert int(word[0]) == 0x04_6789AB_5_ABC_1234
    assert (FLAG_SHORT, FLAG_LONG, FLAG_FORCED) == (1, 2, 4)


@given(st.lists(st.tuples(*(st.integers(0, (1 << bits) - 1) for bits in FIELDS.values()))))
def test_round_trip(rows):
    columns = np.array(rows, dtype=np.int64).reshape(-1, len(FIELDS)).T
    results = Results(*columns)
    again = unpack(pack(results))
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(results, name))


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_unpack_looks_at_each_bit_once(words):
    array = np.array(words, dtype=np.uint64)
    np.testing.assert_array_equal(pack(unpack(array)), array)


@pytest.mark.parametrize("name", FIELDS)
def test_pack_names_what_does_not_fit(name):
    with pytest.raises(ValueError, match=f"{name}: expected 0"):
        pack(results_of(**{name: [1 << FIELDS[name]]}))
    with pytest.raises(ValueError, match=f"{name}: .*-1 at 0"):
        pack(results_of(**{name: [-1]}))


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="shape"):
        pack(results_of(label=[1, 2]))
    with pytest.raises(ValueError, match=r"expected \(N,\)"):
        unpack(np.zeros((2, 2), dtype=np.uint64))
