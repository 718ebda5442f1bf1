from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import stage

from hwflow.cost import total
from hwflow.errors import ConfigError
from hwflow.nets import Form, build
from hwflow.nets.activations import ACT_RANGE, Activation, new_scale
from hwflow.nets.layers import QuantLinear
from hwflow.nets.weights import Weights

FRAME = (8, 8, 1)


def codes(count=6, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 1, 8, 8), generator=draw).float()


def brevitas_weights(bits):
    name = "sign" if bits == 1 else "int"
    return Weights(name, bits, power_of_two=True, per_channel=True).brevitas()


def activation(bits):
    name = "sign" if bits == 1 else "uint"
    return Activation(name, bits, new_scale(name, bits, power_of_two=True), Form.BREVITAS)


def test_shapes_and_costs():
    layers = build(stage(weight_bit_width=[1, 2, 3, 4], act_bit_width=[1, 5, 6]), FRAME, 10).costs()
    assert [(layer.name, layer.fan_in, layer.outputs, layer.pixels) for layer in layers] == [
        ("conv0", 9, 8, 36),
        ("conv1", 72, 16, 16),
        ("fc0", 64, 16, 1),
        ("fc1", 16, 10, 1),
    ]
    assert [layer.weight_bit_width for layer in layers] == [1, 2, 3, 4]
    assert [layer.act_bit_width for layer in layers] == [8, 1, 5, 6]
    assert total(layers).macs == 9 * 8 * 36 + 72 * 16 * 16 + 64 * 16 + 160


def test_costs_match_the_modules():
    description = stage(net={"name": "vgg_tiny", "features": [8, "pool", 16], "hidden": []})
    network = build(description, FRAME, 10)
    assert network(codes()).shape == (6, 10)
    parameters = sum(
        parameter.numel() for name, parameter in network.named_parameters() if "norm" not in name
    )
    assert parameters == total(network.costs()).params


@pytest.mark.parametrize(("width", "channels"), [(0.1, 8), (1.0, 24), (1.5, 40), (2.0, 48)])
def test_width_scales_to_multiples_of_eight(width, channels):
    net = {"name": "vgg_tiny", "features": [24], "hidden": [24], "width": width}
    layers = build(stage(net=net, weight_bit_width=1), FRAME, 10).costs()
    assert [layer.outputs for layer in layers] == [channels, channels, 10]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["pool", 8], r"net\.features\[0\]: a pool must follow a convolution"),
        ([8, "pool", "pool"], r"net\.features\[2\]: a pool must follow"),
        ([8, "pool", 8, 8], r"net\.features\[3\]: nothing left of a 8×8 frame"),
        ([8, 8, "pool", "pool"], r"net\.features\[3\]: a pool must follow"),
    ],
)
def test_impossible_shapes_name_stage_and_feature(features, message):
    net = {"name": "vgg_tiny", "features": features}
    with pytest.raises(ConfigError, match="stage 'stage0': " + message):
        build(stage(net=net), FRAME, 10)


def test_odd_pool_is_refused():
    net = {"name": "vgg_tiny", "features": [8, "pool"]}
    with pytest.raises(ConfigError, match="even sides, got 5×5"):
        build(stage(net=net), (7, 7, 1), 10)


def test_first_layer_sees_the_integers():
    network = build(stage(), FRAME, 10)
    seen = []
    network.layers.conv0.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    frames = codes()
    network(frames)
    assert torch.equal(seen[0], frames)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_scores_are_integers_times_one_power_of_two(bits):
    torch.manual_seed(0)
    network = build(stage(weight_bit_width=bits, act_bit_width=bits), FRAME, 10).eval()
    scale = network.score_scale
    assert np.frexp(scale)[0] == 0.5
    steps = network(codes(200)).double().detach().numpy() / scale
    assert np.array_equal(steps, np.rint(steps))
    if bits == 1:
        assert scale == 1.0
        assert np.all(steps % 2 == 0)  # a sum of 16 values ±1: never a popcount
        assert np.abs(steps).max() <= 16


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_integer_weights_are_narrow(bits):
    torch.manual_seed(0)
    layer = QuantLinear(64, 64, bias=False, **brevitas_weights(bits))
    quantised = layer.quant_weight()
    integers = (quantised.value / quantised.scale).detach()
    limit = 2 ** (bits - 1) - 1
    assert torch.equal(integers, integers.round())
    assert -limit <= integers.min() < 0 < integers.max() <= limit
    assert torch.frexp(quantised.scale).mantissa == 0.5


def test_binary_weights_take_both_signs_and_zero_counts_up():
    layer = QuantLinear(4, 1, bias=False, **brevitas_weights(1))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-0.3, 0.0, 0.7, -5.0]]))
    assert layer.quant_weight().value.flatten().tolist() == [-1, 1, 1, -1]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_unsigned_activation_reaches_every_code_and_no_other(bits):
    act = activation(bits).eval()
    step = ACT_RANGE / 2**bits
    values = torch.linspace(-2, 2 * ACT_RANGE, 5000)
    integers = act(values) / step
    assert sorted(set(integers.tolist())) == list(range(2**bits))
    assert torch.equal(integers, (values / step).round().clamp(0, 2**bits - 1))


def test_bipolar_activation():
    act = activation(1).eval()
    assert act(torch.tensor([-3.0, -1e-7, 0.0, 1e-7, 3.0])).tolist() == [-1, -1, 1, 1, 1]


def test_units_name_layers_in_order_with_scales():
    network = build(stage(weight_bit_width=4, act_bit_width=[1, 4, 8]), FRAME, 10)
    units = list(network.units())
    assert [unit.name for unit in units] == ["conv0", "conv1", "fc0"]
    assert [unit.input.bits for unit in units] == [8, 1, 4]
    assert [unit.input.step for unit in units] == [1.0, 1.0, 0.25]
    assert [unit.output.step for unit in units] == [1.0, 0.25, 1 / 64]
    read = network.classifier.input
    assert (read.bits, read.low, read.high, read.step) == (8, 0, 255, 1 / 64)


def test_float_network_has_the_same_parameters():
    float_network = build(stage(), FRAME, 10, form=Form.FLOAT)
    assert set(float_network.state_dict()) == set(build(stage(), FRAME, 10).state_dict())
    scores = float_network(codes())
    assert not torch.equal(scores, scores.round())


def test_a_classifier_alone_reads_the_frame_itself():
    net = {"name": "vgg_tiny", "features": []}
    network = build(stage(net=net, weight_bit_width=4, act_bit_width=4), FRAME, 10).eval()
    assert list(network.units()) == []
    read = network.classifier.input
    assert (read.bits, read.low, read.high, read.step) == (8, 0, 255, 1.0)
    assert network.score_scale == float(network.classifier.layer.quant_weight().scale)
