"""Every network family: shapes and costs as published, three equal forms, rules by construction."""

from __future__ import annotations

import pytest
import torch
from families import CLASSES, FAMILIES, family_stage, random_frames, trained
from tiny import stage

from hwflow.cost import total
from hwflow.errors import ConfigError
from hwflow.nets import Form, Unit, build

pytestmark = pytest.mark.train


def built(net, frame, form=Form.FAST, classes=10, **changes):
    """A network without memory: only its shapes are wanted."""
    with torch.device("meta"):
        return build(stage(net=net, **changes), frame, classes, form=form)


@pytest.mark.parametrize(
    ("net", "frame", "classes", "millions", "layers"),
    [
        # BNN-PYNQ's networks: 784·256 + 2·256² + 2,560; and so on, layer by layer.
        ({"name": "sfc"}, (28, 28, 1), 10, 0.334, 4),
        ({"name": "lfc"}, (28, 28, 1), 10, 2.91, 4),
        ({"name": "cnv"}, (32, 32, 3), 10, 59.46, 9),
        # He et al. 2015, section 4.2 and table 1 (1.8e9 at 224 pixels; 256 are 1.306 times them).
        ({"name": "resnet20"}, (32, 32, 3), 10, 40.8, 22),
        ({"name": "resnet18"}, (256, 256, 3), 1000, 2369, 21),
        # Howard et al. 2017, table 4: 569 at 224 pixels, of which the classifier has 1.
        ({"name": "mobilenet_v1"}, (256, 256, 3), 1000, 742, 28),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else None,
)
def test_macs_are_those_of_the_papers(net, frame, classes, millions, layers):
    network = built(net, frame, classes=classes, weight_bit_width=4, act_bit_width=4)
    costs = network.costs()
    assert len(costs) == layers == network.recipe.net.weight_layers
    assert total(costs).macs / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize("family", FAMILIES)
def test_forms_have_the_same_parameters_and_first_weights(family):
    recipe, shape = family_stage(
        family,
        weight_bit_width=4,
        weight_quantiser="learned_step",
        act_quantiser="pact",
        act_bit_width=4,
    )
    states = []
    for form in Form:
        torch.manual_seed(3)
        states.append(build(recipe, shape, CLASSES, form=form).state_dict())
    for state in states[1:]:
        assert list(state) == list(states[0])
        assert all(torch.equal(state[name], value) for name, value in states[0].items())
    learned = [name for name in states[0] if name.endswith("log_step")]
    weights = [name for name in learned if "weights" in name]
    assert len(weights) == recipe.net.weight_layers
    assert len(learned) > len(weights)


@pytest.mark.parametrize("bits", [1, 4])
@pytest.mark.parametrize("family", FAMILIES)
def test_fast_form_trains_as_brevitas_does(family, bits):
    """Scales are powers of two: weights are equal bit by bit after three steps."""
    recipe, shape = family_stage(family, weight_bit_width=bits, act_bit_width=bits)
    fast, reference = (trained(recipe, shape, form) for form in (Form.FAST, Form.BREVITAS))
    for name, value in reference.state_dict().items():
        assert torch.equal(fast.state_dict()[name], value), name
    codes = torch.from_numpy(random_frames(shape, 8).transpose(0, 3, 1, 2).copy()).float()
    with torch.no_grad():
        assert torch.equal(fast(codes), reference(codes))


@pytest.mark.parametrize("family", FAMILIES)
def test_units_come_in_order_of_execution(family):
    recipe, shape = family_stage(family)
    network = build(recipe, shape, CLASSES).eval()
    met = []
    units = [module for module in network.modules() if isinstance(module, Unit)]
    for unit in units:
        unit.register_forward_hook(lambda module, inputs, output: met.append(module))
    with torch.no_grad():
        network(torch.zeros(1, shape[2], *shape[:2]))
    assert met == [*network.units(), network.classifier]
    assert len({unit.name for unit in met}) == len(met)
    assert [unit.cost for unit in met] == list(network.costs())


def test_channels_are_multiples_of_eight():
    for name in ("cnv", "resnet8", "resnet18", "mobilenet_v1"):
        costs = built({"name": name, "width": 0.3}, (32, 32, 3)).costs()
        assert all(cost.outputs % 8 == 0 for cost in costs[:-1])


def test_binary_activations_are_padded_with_minus_one():
    net = {"name": "vgg_small", "features": [8, 8]}
    network = build(stage(net=net), (6, 6, 1), CLASSES).eval()
    first, second = network.units()
    assert first.pad is None  # bytes have a zero
    seen = []
    second.layer.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.full((2, 1, 6, 6), 9.0))
    assert seen[0].shape == (2, 8, 8, 8)
    assert set(seen[0].unique().tolist()) <= {-1.0, 1.0}
    assert torch.all(seen[0][:, :, 0] == -1)
    assert torch.all(seen[0][..., -1] == -1)


@pytest.mark.parametrize("bits", [1, 3, 8])
@pytest.mark.parametrize("act", ["uint", "pact"])
def test_a_residual_sum_and_its_branches_share_one_scale(bits, act):
    changes = {"act_quantiser": act} if bits > 1 else {}
    recipe, shape = family_stage("resnet8", weight_bit_width=4, act_bit_width=bits, **changes)
    network = trained(recipe, shape)
    blocks = [layer for layer in network.layers if hasattr(layer, "short")]
    assert [len(block.short) for block in blocks] == [0, 1, 1]
    for block in blocks:
        for branch in (block.main[-1], *block.short):
            assert branch.act.scale is block.act.scale
            assert branch.act.signed
            assert (branch.act.low, branch.act.high) == (-block.act.high, block.act.high)
    assert blocks[0].act.scale is network.layers.conv0.act.scale  # the identity goes in as it is


def test_a_residual_add_of_two_scales_is_refused():
    net = {"name": "resnet8", "width": 0.5}
    bits = [4, 4, 8, 4, 4, 4, 4, 4, 4]  # the first block's sum has not the stem's bits
    with pytest.raises(
        ConfigError, match=r"stage 'stage0': act_bit_width\[2\], .*one scale.*uint of 4"
    ):
        build(stage(net=net, act_bit_width=bits), (16, 16, 3), CLASSES)
    bits = [4, 4, 4, 4, 2, 8, 4, 4, 4]  # the 1×1 convolution's have not its sum's
    with pytest.raises(ConfigError, match=r"act_bit_width\[5\].*uint of 2 bits, got uint of 8"):
        build(stage(net=net, act_bit_width=bits), (16, 16, 3), CLASSES)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v1"])
def test_a_global_pool_over_other_than_a_power_of_two_is_refused(name):
    with pytest.raises(ConfigError, match=r"pool sees 7×7 pixels.*256 pixels a side"):
        built({"name": name, "width": 0.125}, (224, 224, 3))


def test_frames_too_small_are_refused():
    with pytest.raises(ConfigError, match="stage 'stage0': net: nothing left of a 20×20 frame"):
        built({"name": "cnv"}, (20, 20, 1))


@pytest.mark.parametrize("bits", [1, 2, 8])
def test_a_global_pool_keeps_the_mean(bits):
    recipe, _ = family_stage("resnet8", act_bit_width=bits, weight_bit_width=4)
    network = build(recipe, (32, 32, 3), CLASSES, form=Form.FAST)
    pool = next(layer for layer in network.layers if hasattr(layer, "mean"))
    step = next(network.units()).act.value
    low, high = (-1, 2) if bits == 1 else (0, 2**bits)
    codes = torch.randint(low, high, (200, 4, 8, 8), generator=torch.Generator().manual_seed(0))
    codes = codes * 2 + 1 if bits == 1 else codes
    codes = codes.clamp(-1, 1) if bits == 1 else codes
    pooled = pool(codes * step)
    exact = (codes.double() * step).mean(dim=(2, 3))
    steps = pool.act.value
    assert (pooled.double() - exact).abs().max() <= (steps / 2 if bits > 2 else 0)
    if bits == 8:  # finer steps than its own: what lies between two codes goes to the upper one
        halves = exact / steps - torch.floor(exact / steps) == 0.5
        assert len(torch.floor(exact[halves] / steps).remainder(2).unique()) == 2
        assert torch.equal(pooled[halves].double(), exact[halves] + steps / 2)
    assert torch.equal((pooled / steps).round() * steps, pooled)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"weight_quantiser": "xnor", "weight_bit_width": 4},
            "'xnor' fits no layer: it is for 1 bit",
        ),
        (
            {"act_quantiser": "pact"},
            "act_quantiser 'pact' fits no layer: it is for 2 bits and more",
        ),
        (
            {"weight_quantiser": ["sign"] * 3},
            "weight_quantiser has 3 entries, expected one name or a list of 4",
        ),
        (
            {"weight_quantiser": ["sign", "int", "sign", "sign"]},
            r"weight_quantiser\[1\] is 'int' at 1 bits",
        ),
        ({"weight_quantiser": "ternary"}, "weight_quantiser"),
        ({"scale": "dyadic"}, "scale"),
        ({"net": {"name": "alexnet"}}, "net"),
        ({"weight_bit_width": {"inner": 1, "middle": 2}}, "weight_bit_width"),
    ],
)
def test_bad_choices_name_their_field(changes, message):
    with pytest.raises(ConfigError, match=message):
        stage(**changes)


def test_first_and_last_layers_may_have_their_own_bits():
    recipe = stage(
        weight_bit_width={"inner": 1, "first": 8, "last": 4},
        act_bit_width={"inner": 2, "last": 8},
        weight_quantiser="dorefa",
        act_quantiser="hwgq",
    )
    assert recipe.weight_bits == (8, 1, 1, 4)
    assert recipe.act_bits == (2, 2, 8)
    assert recipe.weight_quantisers == ("dorefa", "sign", "sign", "dorefa")
    assert recipe.act_quantisers == ("hwgq",) * 3
