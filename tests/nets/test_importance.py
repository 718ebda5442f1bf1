"""Importance of filters, and which of them stay."""

from __future__ import annotations

import pytest
import torch
from families import CLASSES, family_stage
from hypothesis import given
from hypothesis import strategies as st

from hwflow.nets import Form, build
from hwflow.nets.importance import Criterion, importance, keep_strongest

pytestmark = pytest.mark.train


def network(family="vgg_small", form=Form.FAST):
    recipe, shape = family_stage(family, weight_bit_width=4, act_bit_width=4)
    torch.manual_seed(0)
    built = build(recipe, shape, CLASSES, form=form)
    with torch.no_grad():
        for unit in built.units():
            unit.norm.weight.normal_()
    return built


@pytest.mark.parametrize("form", Form)
def test_of_one_layer(form):
    built = network(form=form)
    gamma, weights = importance(built, Criterion.GAMMA), importance(built, Criterion.L1)
    assert list(gamma) == list(weights) == [0, 1, 2]
    unit = built.layers.conv1
    for values, source in (
        (gamma[1], unit.norm.weight.abs()),
        (weights[1], unit.layer.weight.abs().mean(dim=(1, 2, 3))),
    ):
        assert values.dtype == torch.float64
        assert torch.allclose(values * source.double().mean(), source.double(), rtol=1e-6)


def test_of_several_layers_none_outweighs_the_others():
    built = network("mobilenet_v1")
    first, second = list(built.units())[:2]
    with torch.no_grad():
        first.norm.weight.copy_(torch.arange(8.0))
        second.norm.weight.copy_(100 * torch.arange(8.0).flip(0))
    assert torch.allclose(importance(built, Criterion.GAMMA)[0], torch.ones(8).double())


def test_masked_inputs_do_not_count_and_masked_filters_do():
    built = network()
    before = importance(built, Criterion.L1)
    with torch.no_grad():
        built.layers.conv1.layer.weight[0, 3] = 100.0
    assert importance(built, Criterion.L1)[1].argmax() == 0
    built.mask_filters({0: torch.arange(8) != 3, 1: torch.arange(8) != 0})
    masked = importance(built, Criterion.L1)[1]
    assert masked.shape == (8,)
    assert masked[0] > 0
    assert masked[0] < 2 * before[1][0]
    built.mask_filters({})
    zeros = torch.ones_like(built.layers.conv1.layer.weight, dtype=torch.bool)
    zeros[0, 3] = False
    built.mask_weights({1: zeros})
    assert importance(built, Criterion.L1)[1][0] < 2 * before[1][0]


def test_random_importance_is_of_its_generator():
    built = network()
    with pytest.raises(ValueError, match="needs a generator"):
        importance(built, Criterion.RANDOM)

    def drawn(seed):
        return importance(built, Criterion.RANDOM, generator=torch.Generator().manual_seed(seed))

    one, again, other = drawn(0), drawn(0), drawn(1)
    assert all(torch.equal(one[number], again[number]) for number in one)
    assert not torch.equal(one[0], other[0])
    assert len(torch.cat(list(one.values())).unique()) == 24


@pytest.mark.parametrize(
    ("channels", "sparsity", "granule", "count"),
    [
        (16, 0.0, 4, 16),
        (16, 0.5, 4, 8),
        (16, 0.6, 4, 8),  # 6.4 wanted
        (16, 0.7, 4, 4),  # 4.8 wanted
        (16, 0.99, 4, 4),  # one granule stays
        (16, 0.25, 8, 16),  # 8 and 16 are as near
        (13, 0.1, 8, 13),  # all, though 13 is no multiple
        (13, 0.2, 8, 8),  # 10.4 wanted
        (5, 0.9, 8, 5),  # no granule fits
        (13, 0.5, 1, 7),  # 6 and 7 are as near
    ],
)
def test_how_many_stay(channels, sparsity, granule, count):
    values = {2: torch.arange(channels, dtype=torch.float64)}
    kept = keep_strongest(values, {2: sparsity}, granule)
    assert kept.keys() == {2}
    assert kept[2].tolist() == [False] * (channels - count) + [True] * count


def test_of_equals_the_first_stay():
    kept = keep_strongest({0: torch.tensor([1.0, 2.0, 1.0, 1.0])}, {0: 0.5}, 1)
    assert kept[0].tolist() == [True, True, False, False]


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=40),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 9),
)
def test_the_strongest_stay(values, sparsity, granule):
    strengths = torch.tensor(values, dtype=torch.float64)
    mask = keep_strongest({0: strengths}, {0: sparsity}, granule)[0]
    count = int(mask.sum())
    assert count == len(values) or (count % granule == 0 and count > 0)
    wanted = (1 - sparsity) * len(values)
    possible = [*range(granule, len(values), granule), len(values)]
    assert abs(count - wanted) == min(abs(other - wanted) for other in possible)
    if count < len(values):
        assert strengths[mask].min() >= strengths[~mask].max()


@pytest.mark.parametrize(
    ("sparsity", "granule", "message"),
    [
        ({0: 1.0}, 1, "filter group 0: expected 0 ≤ s < 1, got 1.0"),
        ({0: -0.1}, 1, "got -0.1"),
        ({1: 0.5}, 1, "filter group 1 has a sparsity, but no importance"),
        ({0: 0.5}, 0, "granule: expected 1 or more, got 0"),
    ],
)
def test_impossible_wishes_are_refused(sparsity, granule, message):
    with pytest.raises(ValueError, match=message):
        keep_strongest({0: torch.ones(4)}, sparsity, granule)
