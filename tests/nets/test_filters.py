"""Which channels belong together, and what a network with some of them masked computes."""

from __future__ import annotations

import pytest
import torch
from families import CLASSES, FAMILIES, family_stage, random_frames, trained
from tiny import stage

from hwflow.errors import ConfigError
from hwflow.nets import Form, build

pytestmark = pytest.mark.train


def frames(shape, count=4, seed=5):
    return torch.from_numpy(random_frames(shape, count, seed).transpose(0, 3, 1, 2).copy())


def random_keep(network, seed=0):
    """For each group a bool mask that keeps from one channel to all."""
    draw = torch.Generator().manual_seed(seed)
    kept = {}
    for number, group in enumerate(network.filter_groups()):
        count = int(torch.randint(1, group.channels + 1, (), generator=draw))
        kept[number] = torch.zeros(group.channels, dtype=torch.bool)
        kept[number][torch.randperm(group.channels, generator=draw)[:count]] = True
    return kept


def told(family):
    recipe, shape = family_stage(family)
    groups = build(recipe, shape, CLASSES, form=Form.FAST).filter_groups()
    return [(group.units, group.readers, group.prunable) for group in groups]


def test_groups_of_a_chain():
    assert told("vgg_tiny") == [((0,), (1,), True), ((1,), (2,), True), ((2,), (3,), True)]


def test_groups_of_a_residual_network():
    assert told("resnet8") == [
        ((0, 2), (1, 3, 5), False),  # the stem, and the first block's sum with it
        ((1,), (2,), True),
        ((3,), (4,), True),
        ((4, 5), (6, 8), False),  # both branches of the second block
        ((6,), (7,), True),
        ((7, 8), (9,), False),
    ]


def test_a_depthwise_layer_belongs_to_what_it_reads():
    blocks = [((place, place + 1), (place + 2,), True) for place in range(0, 26, 2)]
    assert told("mobilenet_v1") == [*blocks, ((26,), (27,), True)]


@pytest.mark.parametrize("family", FAMILIES)
def test_masked_channels_contribute_nothing(family):
    """Against hooks that zero the channels where they are made, on weights of a constant scale."""
    recipe, shape = family_stage(family, weight_bit_width=1, act_bit_width=4)
    network = trained(recipe, shape).double()
    codes = frames(shape).double()
    kept = random_keep(network)
    units = network.weight_layers()
    with torch.no_grad():
        before = network(codes)
        network.mask_filters(kept)
        masked = network(codes)
        network.mask_filters({})
        assert torch.equal(network(codes), before)
        for number, group in enumerate(network.filter_groups()):
            for index in group.units:
                units[index].register_forward_hook(_zeroes(~kept[number]))
        zeroed = network(codes)
    assert torch.equal(masked, zeroed)
    assert not torch.equal(masked, before)


def _zeroes(channels):
    def hook(module, inputs, output):
        output = output.clone()
        output[:, channels] = 0
        return output

    return hook


def test_masks_are_no_state():
    recipe, shape = family_stage("resnet8", weight_bit_width=4, act_bit_width=4)
    network = build(recipe, shape, CLASSES, form=Form.FAST)
    names = [name for name, _ in [*network.named_parameters(), *network.named_buffers()]]
    network.mask_filters(random_keep(network))
    network.mask_weights({0: torch.zeros_like(network.layers.conv0.layer.weight).bool()})
    assert [n for n, _ in [*network.named_parameters(), *network.named_buffers()]] == names
    assert list(network.state_dict()) == [name for name in network.state_dict() if name in names]


def test_a_new_mask_replaces_the_last():
    recipe, shape = family_stage("vgg_small", weight_bit_width=4, act_bit_width=4)
    network = trained(recipe, shape)
    codes = frames(shape).float()
    with torch.no_grad():
        network.mask_filters(random_keep(network, 1))
        first = network(codes)
        network.mask_filters(random_keep(network, 2))
        second = network(codes)
        network.mask_filters(random_keep(network, 1))
        network.mask_filters(random_keep(network, 1))
        assert torch.equal(network(codes), first)
    assert not torch.equal(first, second)


def test_a_new_mask_of_weights_replaces_the_last_and_is_a_copy():
    recipe, shape = family_stage("vgg_small", weight_bit_width=4)
    network = build(recipe, shape, CLASSES, form=Form.FAST)
    first, second = network.layers.conv0.layer, network.layers.conv1.layer
    given = torch.zeros_like(first.weight, dtype=torch.bool)
    network.mask_weights({0: given})
    given[:] = True
    assert not first.effective().any()
    network.mask_weights({1: torch.zeros_like(second.weight, dtype=torch.bool)})
    assert first.effective().any()
    assert not second.effective().any()


def test_latent_binary_weights_are_clamped_under_a_mask_too():
    recipe, shape = family_stage("vgg_small", weight_bit_width=1)
    network = build(recipe, shape, CLASSES, form=Form.FAST)
    weight = network.layers.conv0.layer.weight
    with torch.no_grad():
        weight.mul_(30)
        network.mask_filters({0: torch.arange(8) < 3})
        network(frames(shape).float())
    assert weight.abs().max() == 1


def test_masked_inputs_do_not_set_the_scale_of_the_scores():
    recipe, shape = family_stage("vgg_small", weight_bit_width=4, act_bit_width=4)
    network = build(recipe, shape, CLASSES, form=Form.FAST)
    scale = network.score_scale
    with torch.no_grad():
        network.classifier.layer.weight[0, 2] = 50.0
    assert network.score_scale > scale
    network.mask_filters({2: torch.arange(8) != 2})
    assert network.score_scale == scale


@pytest.mark.parametrize("form", [Form.FLOAT, Form.FAST])
def test_masked_filters_and_weights_get_no_gradient(form):
    recipe, shape = family_stage("vgg_small", weight_bit_width=4, act_bit_width=4)
    network = build(recipe, shape, CLASSES, form=form)
    kept = {0: torch.arange(8) < 3}
    zeros = torch.rand(8, 8, 3, 3, generator=torch.Generator().manual_seed(0)) < 0.5
    network.mask_filters(kept)
    network.mask_weights({1: zeros})
    statistics = network.layers.conv0.norm.running_mean.clone()
    network(frames(shape).float()).square().sum().backward()
    first, second = list(network.weight_layers())[:2]
    assert torch.all(first.layer.weight.grad[3:] == 0)
    assert torch.all(first.norm.weight.grad[3:] == 0)
    assert torch.all(second.layer.weight.grad[:, 3:] == 0)
    assert torch.all(second.layer.weight.grad[~zeros] == 0)
    assert first.layer.weight.grad[:3].any()
    assert second.layer.weight.grad[:, :3].any()
    moved = first.norm.running_mean != statistics
    assert moved.tolist() == [True] * 3 + [False] * 5


@pytest.mark.parametrize("quantiser", ["int", "dorefa", "learned_step"])
@pytest.mark.parametrize("scale", ["power_of_two", "float"])
def test_masked_weights_are_zero_and_leave_the_scale_to_the_others(quantiser, scale):
    recipe, shape = family_stage(
        "vgg_small", weight_bit_width=3, weight_quantiser=quantiser, scale=scale
    )
    network = build(recipe, shape, CLASSES, form=Form.FAST)
    layer = network.layers.conv1.layer
    with torch.no_grad():
        layer.weight[0, 0, 0, 0] = 5.0  # would set the scale
        mask = torch.ones_like(layer.weight, dtype=torch.bool)
        mask[0] = False
        network.mask_weights({1: mask})
        quantised = layer.effective()
        assert torch.all(quantised[0] == 0)
        network.mask_weights({})
        layer.weight[0] = 0
        assert torch.equal(layer.effective(), quantised)
    assert quantised.abs().sum() > 0


def test_binary_layers_have_no_zero():
    recipe, shape = family_stage("vgg_small", weight_bit_width=[1, 4, 4, 4])
    network = build(recipe, shape, CLASSES, form=Form.FAST)
    mask = torch.zeros_like(network.layers.conv0.layer.weight).bool()
    with pytest.raises(ValueError, match=r"layer 0 \(conv0\) is binary"):
        network.mask_weights({0: mask})


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ({9: torch.ones(8, dtype=torch.bool)}, "no filter group 9, the network has 3"),
        ({0: torch.ones(7, dtype=torch.bool)}, r"group 0: expected a bool .*\(8,\), got .*\(7,\)"),
        ({1: torch.ones(8)}, "group 1: expected a bool tensor .* got torch.float32"),
        ({2: torch.zeros(8, dtype=torch.bool)}, "group 2: no channel is kept"),
    ],
)
def test_masks_of_filters_that_do_not_fit_are_refused(kept, message):
    recipe, shape = family_stage("vgg_small")
    with pytest.raises(ValueError, match=message):
        build(recipe, shape, CLASSES, form=Form.FAST).mask_filters(kept)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({4: torch.ones(8, dtype=torch.bool)}, "no weight layer 4, the network has 4"),
        ({1: torch.ones(8, 8, dtype=torch.bool)}, r"layer 1 \(conv1\): .*\(8, 8, 3, 3\), got"),
        ({3: torch.ones(10, 8)}, r"layer 3 \(fc1\): expected a bool"),
    ],
)
def test_masks_of_weights_that_do_not_fit_are_refused(masks, message):
    recipe, shape = family_stage("vgg_small", weight_bit_width=4)
    with pytest.raises(ValueError, match=message):
        build(recipe, shape, CLASSES, form=Form.FAST).mask_weights(masks)


def test_brevitas_form_takes_no_masks():
    recipe, shape = family_stage("vgg_tiny", weight_bit_width=4)
    network = build(recipe, shape, CLASSES)
    with pytest.raises(ValueError, match="Brevitas form take no masks"):
        network.mask_filters({})
    with pytest.raises(ValueError, match="Brevitas form take no masks"):
        network.mask_weights({})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_of_its_own_channels_is_itself(family):
    recipe, shape = family_stage(family)
    torch.manual_seed(1)
    network = build(recipe, shape, CLASSES, form=Form.FAST)
    torch.manual_seed(1)
    again = build(recipe, shape, CLASSES, form=Form.FAST, channels=network.channels)
    assert network.costs() == again.costs()
    state = again.state_dict()
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


def test_channels_are_taken_as_they_are():
    net = {"name": "vgg_tiny", "features": [8, "pool", 8], "hidden": [8], "width": 2.0}
    network = build(stage(net=net), (8, 8, 1), CLASSES, channels=(13, 5, 1))
    assert network.channels == (13, 5, 1)
    assert [(cost.fan_in, cost.outputs) for cost in network.costs()] == [
        (9, 13),
        (13 * 9, 5),
        (5, 1),
        (1, 10),
    ]


def changed(family, entry, count):
    recipe, shape = family_stage(family)
    channels = list(build(recipe, shape, CLASSES, form=Form.FAST).channels)
    channels[entry] = count
    return lambda: build(recipe, shape, CLASSES, channels=channels)


@pytest.mark.parametrize(
    ("family", "entry", "count", "message"),
    [
        ("vgg_tiny", 1, 0, r"channels\[1\]: expected 1 or more, got 0"),
        ("resnet8", 2, 7, r"channels\[2\]: a residual add .* channels\[0\] has, 8, got 7"),
        ("resnet8", 0, 7, r"channels\[2\]: a residual add .* channels\[0\] has, 7, got 8"),
        ("resnet8", 5, 9, r"channels\[4\]: a residual add .* channels\[5\] has, 9, got 16"),
        ("mobilenet_v1", 3, 7, r"channels\[3\]: a depthwise .* here 8, got 7"),
        ("mobilenet_v1", 2, 7, r"channels\[3\]: a depthwise .* here 7, got 8"),
    ],
)
def test_channels_that_the_family_cannot_have_are_refused(family, entry, count, message):
    with pytest.raises(ConfigError, match="stage 'stage0': " + message):
        changed(family, entry, count)()


def test_a_wrong_count_of_channels_is_refused():
    recipe, shape = family_stage("vgg_tiny")
    with pytest.raises(ConfigError, match="channels has 4 entries, expected 3"):
        build(recipe, shape, CLASSES, channels=(8, 8, 8, 8))
