"""Filters removed: the smaller network computes and learns what the masked one does."""

from __future__ import annotations

import copy

import pytest
import torch
from families import CLASSES, FAMILIES, family_stage, random_frames, trained
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwflow.nets import Form, build
from hwflow.nets.filters import remaining
from hwflow.nets.hardware import hardware
from hwflow.nets.shrink import channels_of, shrink

pytestmark = pytest.mark.train

DEEP = ("cnv", "resnet20", "resnet18", "resnet18_small", "mobilenet_v1")


def frames(shape, count=8, seed=5):
    return torch.from_numpy(random_frames(shape, count, seed).transpose(0, 3, 1, 2).copy()).float()


def random_keep(network, seed=0):
    """For each group a bool mask that keeps from one channel to all."""
    draw = torch.Generator().manual_seed(seed)
    kept = {}
    for number, group in enumerate(network.filter_groups()):
        count = int(torch.randint(1, group.channels + 1, (), generator=draw))
        kept[number] = torch.zeros(group.channels, dtype=torch.bool)
        kept[number][torch.randperm(group.channels, generator=draw)[:count]] = True
    return kept


def fresh(family, form, changes, dtype=torch.float32):
    torch.manual_seed(7)
    recipe, shape = family_stage(family, **changes)
    return build(recipe, shape, CLASSES, form=form).to(dtype), shape


def train(network, shape, steps=3):
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    for step in range(steps):
        loss = torch.nn.functional.cross_entropy(
            network(frames(shape, 16, step).to(network.classifier.layer.weight.dtype)) * 0.3,
            torch.arange(16) % CLASSES,
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def assert_equal_states(one, other):
    one, other = one.state_dict(), other.state_dict()
    assert list(one) == list(other)
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


CHOICES = [
    {"weight_bit_width": 1, "act_bit_width": 1},
    {"weight_bit_width": 1, "act_bit_width": 3, "weight_quantiser": "xnor", "scale": "float"},
    {"weight_bit_width": 4, "act_bit_width": 4},
    {"weight_bit_width": 3, "act_bit_width": 3, "scale": "float"},
    {
        "weight_bit_width": 3,
        "act_bit_width": 4,
        "weight_quantiser": "learned_step",
        "act_quantiser": "learned_step",
    },
    {"weight_bit_width": 4, "act_bit_width": 2, "weight_quantiser": "dorefa"},
]


def both(family, form, changes, seed=0, dtype=torch.float32):
    """A network with a mask of filters, and the smaller one that it is to equal."""
    masked, shape = fresh(family, form, changes, dtype)
    kept = random_keep(masked, seed)
    smaller = shrink(masked, kept)
    masked.mask_filters(kept)
    assert smaller.channels == channels_of(masked, kept)
    return masked, smaller, shape


def cases():
    """Every family, form and choice; of the deep families all but one choice are slow."""
    for family in FAMILIES:
        for form in (Form.FLOAT, Form.FAST):
            for number, changes in enumerate(CHOICES):
                slow = family in DEEP and number != DEEP.index(family)
                marks = pytest.mark.slow if slow else ()
                yield pytest.param(
                    family, form, changes, id=f"{family}-{form}-{number}", marks=marks
                )


@pytest.mark.parametrize(("family", "form", "changes"), cases())
def test_masked_and_smaller_network_are_one(family, form, changes):
    """In scores, gradients and statistics of training, each bit the same."""
    masked, smaller, shape = both(family, form, changes)
    codes = frames(shape)
    for network in (masked, smaller):
        network(codes).square().mean().backward()
    parts = remaining(masked.kept, masked.filter_groups(), masked.weight_layers())
    for old, new, part in zip(masked.weight_layers(), smaller.weight_layers(), parts, strict=True):
        assert torch.equal(part.of(old.layer.weight.grad), new.layer.weight.grad), old.name
    assert_equal_states(shrink(masked, {}), smaller)  # batch statistics
    masked.eval()
    smaller.eval()
    with torch.no_grad():
        assert torch.equal(masked(codes), smaller(codes))


@pytest.mark.parametrize("changes", CHOICES, ids=range(len(CHOICES)))
@pytest.mark.parametrize("family", ["vgg_tiny", "vgg_small", "resnet8"])
def test_both_learn_the_same(family, changes):
    masked, smaller, shape = both(family, Form.FAST, changes, seed=3)
    for network in (masked, smaller):
        train(network, shape)
    assert_equal_states(shrink(masked, {}), smaller)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["vgg_tiny", "vgg_small", "tfc", "resnet8"]),
    st.sampled_from(CHOICES),
    st.integers(0, 2**16),
)
def test_any_filters_may_go(family, changes, seed):
    masked, smaller, shape = both(family, Form.FAST, changes, seed, torch.float64)
    for network in (masked, smaller):
        train(network, shape, steps=2)
        network.eval()
    assert_equal_states(shrink(masked, {}), smaller)
    codes = frames(shape).double()
    with torch.no_grad():
        assert torch.equal(masked(codes), smaller(codes))


@pytest.mark.parametrize("family", ["vgg_small", "resnet8", "mobilenet_v1"])
def test_brevitas_form_shrinks_too(family):
    recipe, shape = family_stage(family, weight_bit_width=4, act_bit_width=4)
    network = trained(recipe, shape)
    kept = random_keep(network)
    reference = build(recipe, shape, CLASSES, form=Form.BREVITAS).eval()
    reference.load_state_dict(network.state_dict())
    network.mask_filters(kept)
    codes = frames(shape)
    with torch.no_grad():
        assert torch.equal(shrink(reference, kept)(codes), network(codes))


def test_the_mask_and_what_is_asked_go_both():
    masked, _ = fresh("vgg_small", Form.FAST, CHOICES[2])
    masked.mask_filters({0: torch.arange(8) < 6, 1: torch.arange(8) < 5})
    smaller = shrink(masked, {0: torch.arange(8) > 2, 2: torch.arange(8) == 4})
    assert smaller.channels == (3, 5, 1)
    old, new = masked.layers.conv0.layer.weight, smaller.layers.conv0.layer.weight
    assert torch.equal(new, old[3:6])
    with pytest.raises(ValueError, match="group 0: no channel is kept"):
        shrink(masked, {0: torch.arange(8) > 5})


def test_masked_weights_become_zero_and_stay_masked():
    masked, shape = fresh("vgg_small", Form.FAST, CHOICES[2])
    draw = torch.Generator().manual_seed(0)
    mask = torch.rand(8, 8, 3, 3, generator=draw) < 0.6
    kept = {0: torch.arange(8) != 2, 1: torch.arange(8) % 2 == 0}
    masked.mask_weights({1: mask})
    masked.mask_filters(kept)
    smaller = shrink(masked, {})
    part = mask[::2][:, kept[0]]
    assert torch.equal(smaller.layers.conv1.layer.weight == 0, ~part)
    for network in (masked, smaller):
        train(network, shape)
    assert_equal_states(shrink(masked, {}), shrink(smaller, {}))
    assert torch.all(smaller.layers.conv1.layer.effective()[~part] == 0)


def test_mode_constants_and_the_original_are_kept():
    network, _ = fresh("resnet8", Form.FAST, CHOICES[2])
    first, second = list(network.units())[:2]
    first.norm.eval()
    first.norm.momentum, second.norm.eps = 0.25, 2.0**-9
    first.layer.weight.requires_grad_(False)
    before = copy.deepcopy(network.state_dict())
    torch.manual_seed(3)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    smaller = shrink(network, random_keep(network))
    assert torch.equal(torch.rand(1), drawn)  # the global generator is where it was
    one, two = list(smaller.units())[:2]
    assert (one.norm.training, two.norm.training) == (False, True)
    assert (one.norm.momentum, two.norm.eps) == (0.25, 2.0**-9)
    assert not one.layer.weight.requires_grad
    assert two.layer.weight.requires_grad
    with torch.no_grad():
        for parameter in smaller.parameters():
            parameter += 1
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("family", FAMILIES)
def test_costs_and_hardware_are_of_what_remains(family):
    recipe, shape = family_stage(family, weight_bit_width=4, act_bit_width=4)
    network = build(recipe, shape, CLASSES, form=Form.FAST)
    smaller = shrink(network, random_keep(network))
    for unit, cost in zip(smaller.weight_layers(), smaller.costs(), strict=True):
        assert cost.params == unit.layer.weight.numel()
    nodes = [node.cost for node in hardware(smaller) if hasattr(node, "cost")]
    assert nodes == list(smaller.costs())
