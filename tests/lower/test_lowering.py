"""Each construct of quantised files: the integer network against qonnx, bit for bit."""

import numpy as np
import pytest
from chain import AUTO, Chain, exact, frames_of, links, run_qonnx

from hwflow.errors import UnsupportedModelError
from hwflow.lower.compare import ROUNDED
from hwflow.lower.evaluate import evaluate
from hwflow.lower.lowering import InputSpec, lower, lower_file
from hwflow.lower.network import Add, Affine, Conv, Depthwise, Pad, Threshold
from hwflow.lower.read import read

SHAPE = (2, 6, 6)


def first(network, kind):
    return next(layer for layer in network.layers if isinstance(layer, kind))


def of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def binary_start(seed=0, channels=4):
    """A convolution of the bytes and signs of its batch norm: (channels, 4, 4)."""
    net = Chain(*SHAPE, seed=seed)
    net.conv(net.weights(channels, 2, 3, 3, bits=1, scale=1.0))
    gamma = net.random.choice([-1.0, 1.0, 0.5], channels)
    return net.norm(gamma, net.random.integers(-9, 9, channels) + 0.5).bipolar()


def multi_start(seed=0, channels=4, **quant):
    """A convolution of the bytes and unsigned 4-bit codes: (channels, 4, 4)."""
    net = Chain(*SHAPE, seed=seed)
    net.conv(net.weights(channels, 2, 3, 3))
    net.norm(np.full(channels, 2.0**-6), net.random.integers(-8, 8, channels) / 8).op("Relu")
    return net.quant(**quant)


# --- what padding means ---------------------------------------------------------------------


def test_zero_padding_of_bipolar_data_is_no_code_of_it(tmp_path):
    net = binary_start()
    net.conv(net.weights(3, 4, 3, 3, bits=1, scale=1.0), pads=(1, 1, 1, 1)).scores(48, 5)
    network = exact(net, tmp_path)
    signs = first(network, Threshold)
    assert not signs.output.bipolar
    assert (signs.output.low, signs.output.high, signs.output.datatype) == (-1, 1, "INT2")
    assert first(network, Pad).value == 0


def test_padding_with_minus_one_keeps_bits(tmp_path):
    net = binary_start()
    pads = net.const([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    net.op("Pad", pads, net.const(-1.0)).conv(net.weights(3, 4, 3, 3, bits=1, scale=1.0))
    network = exact(net.scores(48, 5), tmp_path)
    assert first(network, Pad).output.bipolar
    assert first(network, Pad).value == -1


def test_padding_of_asymmetric_codes(tmp_path):
    net = multi_start(zero=3.0)
    net.conv(net.weights(3, 4, 3, 3), pads=(1, 0, 2, 1)).scores(3 * 5 * 3, 5)
    assert first(exact(net, tmp_path), Pad).value == 3


def test_padding_behind_preprocessing_is_the_byte_that_means_zero(tmp_path):
    net = Chain(*SHAPE)
    net.op("Div", net.const(64.0)).op("Sub", net.const(2.0))
    net.conv(net.weights(3, 2, 3, 3), pads=(1, 1, 1, 1)).scores(108, 5)
    assert first(exact(net, tmp_path), Pad).value == 128


def test_padding_with_an_integer_that_is_no_byte_widens_the_input(tmp_path):
    net = Chain(*SHAPE)
    net.op("Add", net.const(5.0)).conv(net.weights(3, 2, 3, 3), pads=(1, 1, 1, 1)).scores(108, 5)
    network = exact(net, tmp_path)
    pad = first(network, Pad)
    assert pad.value == -5
    assert network.tensors[pad.inputs[0]].datatype == pad.output.datatype == "INT9"


def test_padding_with_a_code_beyond_the_range_widens_the_thresholds(tmp_path):
    net = multi_start(zero=0.0)
    net.op("Sub", net.const(-1.0))
    net.conv(net.weights(3, 4, 3, 3), pads=(1, 1, 1, 1)).scores(48, 5)
    network = exact(net, tmp_path)
    pad = first(network, Pad)
    assert pad.value == -4
    assert network.tensors[pad.inputs[0]].datatype == pad.output.datatype


@pytest.mark.parametrize("shift", [127.5, [127.0, 128.0]])
def test_padding_that_no_integer_means_is_refused(tmp_path, shift):
    net = Chain(*SHAPE)
    net.op("Sub", net.const(np.reshape(shift, (1, -1, 1, 1))))
    net.conv(net.weights(3, 2, 3, 3), pads=(1, 1, 1, 1)).scores(108, 5)
    with pytest.raises(UnsupportedModelError, match="no integer of its input means exactly 0"):
        lower_file(net.save(tmp_path))


# --- thresholds -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rounding", ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"]
)
@pytest.mark.parametrize(("signed", "narrow"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_rounding_modes_with_ties(tmp_path, rounding, signed, narrow):
    net = Chain(*SHAPE)
    # Sums are integers and the step is 16 of them: one in sixteen lies between two codes.
    net.conv(net.weights(4, 2, 3, 3, scale=1.0))
    net.quant(16.0, bits=6, signed=signed, narrow=narrow, rounding=rounding)
    exact(net.scores(64, 5), tmp_path)


def test_halves_are_rounded_to_even(tmp_path):
    net = Chain(1, 1, 1).quant(4.0, bits=4)
    net.op("Flatten", axis=1).op("MatMul", net.weights(1, 2, values=np.array([[1, -1]])))
    spec = InputSpec("uint8", (1.0,))
    thresholds = first(exact(net, tmp_path, spec), Threshold).thresholds
    assert thresholds[0, :4].tolist() == [3, 6, 11, 14]


@pytest.mark.parametrize("bipolar", [True, False])
def test_pruned_and_negative_channels(tmp_path, bipolar):
    net = Chain(*SHAPE)
    net.conv(net.weights(8, 2, 3, 3))
    gamma = np.array([0, 0, 0, 1, -1, 0.5, -0.25, 2]) / 64
    beta = np.array([1, -1, 0, 0, 0, 0.25, 1, -1])
    net.norm(gamma, beta)
    net = net.bipolar() if bipolar else net.quant(bits=4, signed=1)
    network = exact(net.scores(128, 5), tmp_path)
    assert not of(network, Depthwise)  # falling channels: the weights in front change sign


def test_a_falling_function_of_shared_integers_gets_its_own_signs(tmp_path):
    net = multi_start()
    start = net.at
    left = net.norm([1, -1, 1, -1], 0.5).quant(bits=4, signed=1).at
    net.at = start
    right = net.op("Neg").quant(bits=4, signed=1).at
    net.node("Add", left, right)
    network = exact(net.scores(64, 5), tmp_path)
    assert [set(layer.weights.ravel()) for layer in of(network, Depthwise)] == [{-1, 1}, {-1}]


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("LeakyRelu", {"alpha": 0.25}),
        ("Relu", {}),
        ("Neg", {}),
        ("Sign", {}),
        ("Floor", {}),
        ("Ceil", {}),
        ("Round", {}),
        ("HardSigmoid", {"alpha": 0.125, "beta": 0.5}),
    ],
)
def test_exact_activation_functions(tmp_path, kind, attributes):
    net = Chain(*SHAPE)
    net.conv(net.weights(4, 2, 3, 3)).norm(np.full(4, 2.0**-6), 0.25)
    net.op(kind, **attributes).quant(0.125, bits=5, signed=1)
    exact(net.scores(64, 5), tmp_path)


def test_parametric_relu_and_clip(tmp_path):
    net = Chain(*SHAPE)
    net.conv(net.weights(4, 2, 3, 3)).norm(np.full(4, 2.0**-6), 0.25)
    net.op("PRelu", net.const(np.array([0.5, 0.25, 0, 1]).reshape(4, 1, 1)))
    net.op("Clip", net.const(-1.5), net.const(6.0)).quant(0.125, bits=6, signed=1)
    exact(net.scores(64, 5), tmp_path)


@pytest.mark.parametrize("kind", ["Sigmoid", "Tanh", "Elu", "Selu", "Softplus", "Softsign", "Erf"])
def test_smooth_activation_functions(tmp_path, kind):
    net = Chain(*SHAPE)
    net.conv(net.weights(4, 2, 3, 3)).norm(np.full(4, 2.0**-6), 0.25)
    net.op(kind).quant(0.0625, bits=5, signed=1).scores(64, 5)
    path = net.save(tmp_path)
    network = lower_file(path)
    activations, *_ = links(path, InputSpec(), frames_of(network))
    assert activations.compared >= 24 * 64
    assert activations.ties <= 5


@pytest.mark.parametrize("zero", [0.0, 3.0, -2.0])
def test_zero_points_of_activations(tmp_path, zero):
    net = multi_start(zero=zero, signed=int(zero < 0))
    net.conv(net.weights(3, 4, 3, 3)).norm([1 / 8, -1 / 8, 1 / 16], 0.125)
    exact(net.quant(zero=1.0).scores(12, 5), tmp_path)


def test_scales_per_channel_in_front_of_a_depthwise_convolution(tmp_path):
    scale = np.array([0.25, 0.5, 1.0, 0.125]).reshape(1, 4, 1, 1)
    net = multi_start(scale=scale)
    net.conv(net.weights(4, 1, 3, 3), group=4).quant(0.5, bits=6, signed=1)
    exact(net.scores(16, 5), tmp_path)


def test_scales_in_integer_ratios_join_the_weights(tmp_path):
    scale = np.array([0.25, 0.5, 1.0, 0.125]).reshape(1, 4, 1, 1)
    net = multi_start(scale=scale)
    net.conv(net.weights(3, 4, 3, 3)).quant(1.0, bits=6, signed=1)
    network = exact(net.scores(12, 5), tmp_path)
    assert np.abs(of(network, Conv)[1].weights[..., 2]).max() > 7


def test_scales_in_other_ratios_are_refused(tmp_path):
    scale = np.array([0.25, 0.3, 1.0, 0.125]).reshape(1, 4, 1, 1)
    net = multi_start(scale=scale)
    net.conv(net.weights(3, 4, 3, 3)).quant(1.0).scores(12, 5)
    with pytest.raises(UnsupportedModelError, match=r"Conv_\d+'.*different scales"):
        lower_file(net.save(tmp_path))


def test_float_scales_differ_by_ties_alone(tmp_path):
    net = Chain(*SHAPE)
    net.conv(net.weights(8, 2, 3, 3, scale=0.0371))
    net.norm(net.random.normal(size=8) / 40, net.random.normal(size=8), 3.3, 0.71).op("Relu")
    net.quant(0.0713, bits=8)
    net.conv(net.weights(8, 8, 3, 3, scale=net.random.random((8, 1, 1, 1)) + 0.1))
    net.norm(net.random.normal(size=8) / 40, net.random.normal(size=8), 3.3, 0.71).op("Relu")
    net.quant(0.0713, bits=4).scores(32, 5, scale=0.031)
    path = net.save(tmp_path)
    network = lower_file(path)
    activations, scores, labels, file = links(path, InputSpec(), frames_of(network, 64))
    assert activations.compared == 64 * (8 * 16 + 8 * 4)
    assert activations.ties <= 3
    assert scores.ties == labels.ties == file.ties == 0


def test_codes_that_are_the_integers_need_no_layer(tmp_path):
    net = Chain(*SHAPE)
    net.op("Div", net.const(256.0)).quant(2.0**-8, bits=8).quant(2.0**-8, bits=8)
    exact(net.scores(72, 5), tmp_path)
    assert [layer.kind for layer in lower_file(net.save(tmp_path)).layers] == ["reshape", "conv"]


def test_a_function_that_is_not_monotone_is_refused(tmp_path):
    net = Chain(*SHAPE)
    net.conv(net.weights(4, 2, 3, 3)).op("Abs").quant(bits=8).scores(64, 5)
    with pytest.raises(UnsupportedModelError, match=r"Quant_\d+'.*Abs.*neither rises nor falls"):
        lower_file(net.save(tmp_path))


def test_abs_of_what_is_never_negative_is_monotone(tmp_path):
    exact(multi_start().op("Abs").quant(0.5, bits=3).scores(64, 5), tmp_path)


def test_not_a_number_within_reach_is_refused(tmp_path):
    net = Chain(*SHAPE)
    net.conv(net.weights(4, 2, 3, 3)).op("Sqrt").quant(bits=8).scores(64, 5)
    with pytest.raises(UnsupportedModelError, match="NaN"):
        lower_file(net.save(tmp_path))


def test_a_constant_that_varies_over_the_map_is_refused(tmp_path):
    net = multi_start()
    net.op("Add", net.const(np.arange(16).reshape(1, 1, 4, 4))).quant().scores(64, 5)
    with pytest.raises(UnsupportedModelError, match=r"Add_\d+'.*varies over height or width"):
        lower_file(net.save(tmp_path))


def test_floats_into_a_convolution_are_refused(tmp_path):
    net = Chain(*SHAPE)
    net.conv(net.weights(4, 2, 3, 3)).op("Relu").conv(net.weights(3, 4, 3, 3)).scores(12, 5)
    with pytest.raises(UnsupportedModelError, match=r"Conv_\d+'.*Relu 'Relu_\d+' has no quantiser"):
        lower_file(net.save(tmp_path))


def test_a_large_range_is_bisected_exactly(tmp_path):
    net = Chain(64, 1, 1)
    net.conv(net.weights(512, 64, 1, 1, bits=8, scale=1.0), (1, 1))
    net.norm(net.random.choice([-1.0, 1, 0.5], 512) / 1024, 0.25).op("Relu").quant(1.0, bits=8)
    network = exact(net.scores(512, 3), tmp_path)
    layer = first(network, Threshold)
    assert layer.thresholds.shape == (512, 255)
    assert network.tensors[layer.inputs[0]].bits > 20


# --- weights --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "quant"),
    [
        (np.full((3, 4, 3, 3), -8), {}),
        (np.zeros((3, 4, 3, 3)), {}),
        (
            np.arange(108).reshape(3, 4, 3, 3) % 16 - 8,
            {"scale": np.reshape([1, 0.5, 2], (3, 1, 1, 1))},
        ),
        (np.arange(108).reshape(3, 4, 3, 3) % 16 - 8, {"zero": 2.0}),
        (np.arange(108).reshape(3, 4, 3, 3) % 13 - 6.5, {"rounding": "FLOOR", "narrow": 1}),
    ],
)
def test_weights(tmp_path, values, quant):
    net = multi_start()
    start = net.at
    # A second convolution keeps the answers different where all weights are zero.
    left = net.conv(net.weights(3, 4, 3, 3, values=values, **quant)).quant(bits=8, signed=1).at
    net.at = start
    right = net.conv(net.weights(3, 4, 3, 3)).quant(bits=8, signed=1).at
    exact(net.node("Add", left, right).scores(12, 5), tmp_path)


def test_filters_of_zeros_in_a_depthwise_convolution(tmp_path):
    net = multi_start()
    values = net.random.integers(-7, 8, (4, 1, 3, 3))
    values[1] = 0
    net.conv(net.weights(4, 1, 3, 3, values=values), group=4, pads=(1, 1, 1, 1))
    network = exact(net.norm([1, -1, 1, -1], 0.5).quant(bits=6).scores(64, 5), tmp_path)
    assert len(of(network, Depthwise)) == 1


@pytest.mark.parametrize(("groups", "outputs"), [(2, 6), (4, 8), (1, 3)])
def test_groups_become_blocks(tmp_path, groups, outputs):
    net = multi_start()
    net.conv(net.weights(outputs, 4 // groups, 3, 3), group=groups, stride=(1, 2))
    network = exact(net.quant(1.0, bits=6, signed=1).scores(outputs * 2, 5), tmp_path)
    assert not of(network, Depthwise)


def test_scales_within_an_output_are_refused(tmp_path):
    net = multi_start()
    net.conv(net.weights(3, 4, 3, 3, scale=np.reshape([0.1, 0.25, 0.3, 0.5], (1, 4, 1, 1))))
    net.scores(12, 5)
    with pytest.raises(UnsupportedModelError, match="differs within an output channel"):
        lower_file(net.save(tmp_path))


# --- pools ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "pixels"),
    [
        ({"kernel_shape": [2, 2], "strides": [2, 2]}, 4),
        ({"kernel_shape": [3, 3], "strides": [1, 2], "pads": [1, 1, 1, 0]}, 8),
        ({"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1}, 4),
    ],
)
@pytest.mark.parametrize("where", ["codes", "bits", "sums"])
def test_max_pool(tmp_path, attributes, pixels, where):
    net = binary_start() if where == "bits" else multi_start()
    if where == "sums":  # the pool reads falling functions of the convolution's sums
        net.conv(net.weights(4, 4, 1, 1), (1, 1)).norm([1, -1, 0.5, -0.5], 0.25)
    net.op("MaxPool", **attributes)
    net = net.bipolar() if where == "bits" else net.quant(bits=6, signed=1)
    exact(net.scores(4 * pixels, 5), tmp_path)


def test_global_pools(tmp_path):
    net = multi_start()
    start = net.at
    left = net.op("GlobalMaxPool").quant(bits=4).at
    net.at = start
    right = net.op("GlobalAveragePool").quant(bits=4).at
    exact(net.node("Add", left, right).scores(4, 5), tmp_path)


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1},
    ],
)
def test_average_pool(tmp_path, attributes):
    net = multi_start(zero=2.0).op("AveragePool", **attributes).quant(0.25, bits=4)
    exact(net.scores(36 if "pads" in attributes else 16, 5), tmp_path)


@pytest.mark.parametrize("rounding", ["FLOOR", "ROUND", "CEIL"])
@pytest.mark.parametrize("version", [1, 2])
def test_trunc_behind_a_pool(tmp_path, version, rounding):
    net = Chain(*SHAPE, qonnx=version)
    net.conv(net.weights(4, 2, 3, 3)).norm(np.full(4, 2.0**-6), 0.25).quant(bits=4)
    net.op("AveragePool", kernel_shape=[4, 4], strides=[4, 4])
    # The average in steps of 1/16 of the scale, as 8 bits of which 4 stay.
    parameters = [0.25 / 16, 0.0, 8.0, *([0.25] if version == 2 else []), 4.0]
    extra = {"signed": 0, "narrow": 0} if version == 2 else {}
    net.op("Trunc", *(net.const(value) for value in parameters), rounding_mode=rounding, **extra)
    exact(net.scores(4, 5), tmp_path)


@pytest.mark.parametrize(
    ("kind", "attributes", "words"),
    [
        ("MaxPool", {"kernel_shape": [2, 2], "dilations": [2, 2]}, "dilated"),
        ("AveragePool", {"kernel_shape": [3, 3], "ceil_mode": 1, "strides": [2, 2]}, "border"),
        ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, "count_include_pad"),
    ],
)
def test_pools_that_are_refused(tmp_path, kind, attributes, words):
    net = multi_start().op(kind, **attributes).op("GlobalMaxPool").quant().scores(4, 5)
    with pytest.raises(UnsupportedModelError, match=words):
        lower_file(net.save(tmp_path))


def test_an_average_of_floats_is_refused(tmp_path):
    net = Chain(*SHAPE)
    net.conv(net.weights(4, 2, 3, 3)).op("Relu").op("GlobalAveragePool").quant().scores(4, 5)
    with pytest.raises(UnsupportedModelError, match=r"GlobalAveragePool.*Relu.*has no quantiser"):
        lower_file(net.save(tmp_path))


# --- branches -------------------------------------------------------------------------------


def branches(scales, kind="Add", **quant):
    net = multi_start()
    start, ends = net.at, []
    for scale in scales:
        net.at = start
        net.conv(net.weights(4, 4, 3, 3), pads=(1, 1, 1, 1))
        ends.append(net.quant(scale, bits=5, signed=1, **quant).at)
    return net.node(kind, *ends)


@pytest.mark.parametrize(
    ("scales", "factors"), [((0.5, 0.5), (1, 1)), ((0.25, 0.5), (1, 2)), ((0.75, 0.5), (3, 2))]
)
def test_sums_of_branches(tmp_path, scales, factors):
    net = branches(scales, zero=1.0).op("Relu").quant(0.5, bits=6).scores(64, 5)
    assert first(exact(net, tmp_path), Add).factors == factors


def test_difference_of_branches(tmp_path):
    net = branches((0.5, 0.25), "Sub").quant(0.5, bits=6, signed=1).scores(64, 5)
    assert first(exact(net, tmp_path), Add).factors == (-2, 1)


def test_a_tensor_added_to_itself_is_twice_the_tensor(tmp_path):
    net = multi_start()
    network = exact(net.node("Add", net.at, net.at).quant(0.5, bits=4).scores(64, 5), tmp_path)
    assert not of(network, Add)


def test_bits_that_are_added_are_integers(tmp_path):
    net = binary_start()
    start = net.at
    end = net.conv(net.weights(4, 4, 1, 1, bits=1, scale=1.0), (1, 1)).bipolar().at
    exact(net.node("Add", start, end).quant(1.0, bits=3, signed=1).scores(64, 5), tmp_path)


@pytest.mark.parametrize(
    ("scales", "kind", "words"),
    [((0.1, 0.1 * 2**0.5), "Add", "one scale"), ((0.5, 0.5), "Mul", "Mul of two branches")],
)
def test_branches_that_are_refused(tmp_path, scales, kind, words):
    net = branches(scales, kind).quant(0.5).scores(64, 5)
    with pytest.raises(UnsupportedModelError, match=rf"{kind}_\d+'.*{words}"):
        lower_file(net.save(tmp_path))


# --- shapes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [3, 1])
def test_one_dimension(tmp_path, kernel):
    net = Chain(3, 16)
    net.conv(net.weights(4, 3, kernel), (kernel,), pads=(0, 0), stride=(2,))
    net.quant(16.0, bits=4, signed=1)
    exact(net.scores(4 * (7 if kernel == 3 else 8), 5), tmp_path)


def test_vectors_and_maps_of_one_pixel(tmp_path):
    net = Chain(12)
    net.op("MatMul", net.weights(12, 6)).norm(net.random.choice([-1.0, 1.0], 6) / 8, 0.25)
    exact(net.quant(bits=4).scores(6, 5), tmp_path)


def test_quantiser_behind_flatten(tmp_path):
    net = multi_start().op("Flatten", axis=1)
    net.op("Mul", net.const(net.random.choice([-1.0, 1.0, 0.5], (1, 64))))
    net.op("Add", net.const(net.random.integers(-4, 4, (1, 64)) / 4))
    exact(net.quant(0.5, bits=3, signed=1).op("MatMul", net.weights(64, 5)), tmp_path)


def test_channels_last_in_front_of_flatten(tmp_path):
    net = multi_start().op("Transpose", perm=[0, 2, 3, 1])
    exact(net.scores(64, 5), tmp_path)


# --- inputs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("signed", "bits"), [(0, 8), (1, 8), (0, 4), (1, 4)])
def test_bytes_are_the_codes_of_a_first_quantiser(tmp_path, signed, bits):
    net = Chain(*SHAPE).quant(2.0**-5, zero=2.0, bits=bits, signed=signed)
    network = exact(net.scores(72, 5), tmp_path)
    assert network.input.signed == bool(signed)
    assert len(of(network, Threshold)) == int(bits < 8)


def test_signs_of_the_input(tmp_path):
    network = exact(Chain(*SHAPE).bipolar().scores(72, 5, bits=1), tmp_path)
    assert network.input.signed
    assert first(network, Threshold).output.bipolar


def test_preprocessing_per_channel(tmp_path):
    net = Chain(*SHAPE)
    net.op("Sub", net.const(np.reshape([100.0, 140.0], (1, 2, 1, 1))))
    net.op("Mul", net.const(np.reshape([0.25, -0.125], (1, 2, 1, 1)))).quant(2.0, bits=5, signed=1)
    exact(net.scores(72, 5), tmp_path)


def test_scale_and_shift_outside_the_file(tmp_path):
    net = Chain(*SHAPE)
    net.conv(net.weights(4, 2, 3, 3)).quant(0.25, bits=5, signed=1).scores(64, 5)
    exact(net, tmp_path, InputSpec("uint8", (1 / 64, 1 / 128), (-1.0, 0.5)))
    exact(net, tmp_path, InputSpec("int8", (1 / 64,), (0.5,)))


# --- scores ---------------------------------------------------------------------------------


def scored(seed=0):
    return multi_start(seed).scores(64, 5)


def test_a_bias_per_class_is_an_integer(tmp_path):
    net = scored()
    network = exact(net.op("Add", net.const([[1.5, -2.25, 0.125, 0, 40]])), tmp_path)
    assert set(first(network, Affine).multiplier) == {1}


def test_a_scale_per_class_is_an_integer(tmp_path):
    net = scored()
    net.op("Mul", net.const([[1.5, -2.25, 0.125, 1, 4]])).op("Add", net.const([[1, 2, 3, 0, 0.5]]))
    assert np.unique(first(exact(net, tmp_path), Affine).multiplier).size == 5


@pytest.mark.parametrize("what", ["scale", "bias", "both"])
def test_float_scale_and_bias_keep_the_order(tmp_path, what):
    net = scored()
    if what != "bias":
        net.op("Mul", net.const(net.random.random((1, 5)) + 0.5))
    if what != "scale":
        net.op("Add", net.const(net.random.normal(size=(1, 5)) * 3))
    path = net.save(tmp_path)
    network = lower_file(path)
    _, scores, labels, _, *rounded = links(path, InputSpec(), frames_of(network, 64))
    assert [link.link for link in rounded] == ([] if what == "bias" else [ROUNDED])
    assert scores.compared == 64 * 5
    assert (scores.ties, labels.ties) == (0, 0)
    assert network.tensors[network.scores].bits <= 32


def test_scores_that_need_too_many_bits_are_refused(tmp_path):
    net = Chain(4096)
    net.op("MatMul", net.weights(4096, 5, bits=8)).op("Mul", net.const([[0.1, 0.3, 0.7, 0.9, 0.2]]))
    with pytest.raises(UnsupportedModelError, match="scores of at most 32 bits would be coarser"):
        lower_file(net.save(tmp_path))


def test_a_negative_scale_turns_the_last_weights(tmp_path):
    net = scored()
    network = exact(net.op("Mul", net.const(-0.5)).op("Add", net.const(3.0)), tmp_path)
    assert network.score_offset == 3.0
    assert not of(network, Affine)
    assert not of(network, Depthwise)


@pytest.mark.parametrize(
    "tail",
    [
        [("Softmax", {"axis": 1})],
        [("LogSoftmax", {"axis": -1})],
        [("Sigmoid", {})],
        [("Tanh", {}), ("Softmax", {"axis": 1})],
        [("ArgMax", {"axis": 1, "keepdims": 0})],
    ],
)
def test_tails_that_change_no_order(tmp_path, tail):
    net = scored()
    plain = lower_file(net.save(tmp_path))
    net.op("Div", net.const(64.0))
    for kind, attributes in tail:
        net.op(kind, **attributes)
    path = net.save(tmp_path)
    network = lower_file(path)
    assert network.score_scale == plain.score_scale / 64
    assert len(network.layers) == len(plain.layers)
    assert all(link.ties == 0 for link in links(path, InputSpec(), frames_of(network)))


def test_a_falling_tail_turns_the_order(tmp_path):
    net = scored()
    plain = lower_file(net.save(tmp_path))
    net.op("Div", net.const(64.0)).op("Sigmoid").node("Sub", net.const(1.0), net.at)
    path = net.save(tmp_path)
    network = lower_file(path)
    weights = [of(one, Conv)[-1].weights for one in (plain, network)]
    np.testing.assert_array_equal(weights[0], -weights[1])
    assert all(link.ties == 0 for link in links(path, InputSpec(), frames_of(network)))


def test_relu_behind_the_scores_is_refused(tmp_path):
    with pytest.raises(UnsupportedModelError, match=r"Relu 'Relu_\d+' behind the last layer"):
        lower_file(scored().op("Relu").save(tmp_path))


@pytest.mark.parametrize("kind", ["bipolar", "unsigned", "signed", "zero point"])
def test_quantised_scores_are_signed_codes(tmp_path, kind):
    net = scored()
    net = {
        "bipolar": net.bipolar,
        "unsigned": lambda: net.quant(2.0, bits=3),
        "signed": lambda: net.quant(2.0, bits=3, signed=1),
        "zero point": lambda: net.quant(2.0, bits=4, zero=7.0),
    }[kind]()
    network = exact(net, tmp_path)
    assert network.tensors[network.scores].signed
    assert network.tensors[network.scores].low < 0


def test_a_map_is_no_score(tmp_path):
    with pytest.raises(UnsupportedModelError, match="expected one score per class"):
        lower(read(multi_start().save(tmp_path)))


@pytest.mark.parametrize("tail", ["none", "sigmoid", "bias", "negative", "bipolar"])
def test_a_single_score_decides_between_two_classes(tmp_path, tail):
    net = multi_start().scores(64, 1)
    {
        "none": lambda: net,
        "sigmoid": lambda: net.op("Sigmoid"),
        "bias": lambda: net.op("Add", net.const(-3.3)),
        "negative": lambda: net.op("Mul", net.const(-0.5)),
        "bipolar": net.bipolar,
    }[tail]()
    path = net.save(tmp_path)
    network = lower_file(path)
    assert network.classes == 2
    frames = frames_of(network)
    labels = evaluate(network, frames).argmax(axis=1)
    reals = run_qonnx(path, network, AUTO, frames)[:, 0]
    assert np.array_equal(labels, reals > (0.5 if tail == "sigmoid" else 0))
    assert set(labels) == {0, 1}
    assert all(link.ties == 0 for link in links(path, AUTO, frames))


def test_sums_beyond_32_bits_are_refused(tmp_path):
    net = Chain(64, 1, 1)
    for _ in range(4):
        net.conv(net.weights(64, 64, 1, 1, bits=8, scale=1.0), (1, 1))
    with pytest.raises(UnsupportedModelError, match=r"Conv_\d+'.*more than 32 bits"):
        lower_file(net.scores(64, 3).save(tmp_path))


def test_too_many_levels_are_refused(tmp_path):
    net = Chain(*SHAPE)
    net.conv(net.weights(4, 2, 3, 3, bits=8)).quant(0.5, bits=16).scores(64, 3)
    with pytest.raises(UnsupportedModelError, match=r"Quant_\d+'.*levels within reach"):
        lower_file(net.save(tmp_path))


@pytest.mark.parametrize("factor", [None, 2.0])
def test_unsigned_codes_that_are_quantised_again(tmp_path, factor):
    net = Chain(6).quant(1.0, bits=8)
    net.op("MatMul", net.weights(6, 4)).quant(8.0)
    if factor is not None:
        net.op("Mul", net.const(factor))
    network = exact(net.quant(8.0 * (factor or 1.0)), tmp_path)
    scores = network.tensors[network.scores]
    assert (scores.low, scores.high) == (-8, 7)
