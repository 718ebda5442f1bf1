"""Every family, trained for some steps and exported: exact in QONNX and as an integer network."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from families import FAMILIES, family_stage, random_frames, trained
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tiny import stage

from hwflow.errors import UnsupportedModelError
from hwflow.export.canonical import canonical, integer_weights
from hwflow.export.freeze import freeze, score_bits
from hwflow.export.proof import write
from hwflow.export.verify import act_scales
from hwflow.lower.agree import NetworkComparison
from hwflow.lower.lowering import InputSpec, trace
from hwflow.lower.read import read
from hwflow.nets import Form, build

pytestmark = pytest.mark.train

COUNT = 6
BITS = (1, 4, 8)


def proved(family, folder, **changes):
    """Train, export, and compare Brevitas, QONNX and the integer network on every integer."""
    recipe, shape = family_stage(family, **changes)
    return prove(trained(recipe, shape), shape, folder)


def prove(network, shape, folder):
    """Export ``network``, and compare its three forms on every integer."""
    path = Path(folder) / "net.onnx"
    frames = random_frames(shape, COUNT)
    proof = write(network, path, name="test")
    ((_, executed),) = proof.run(frames)
    activations, scores = proof.comparison.close()
    assert activations.ties == activations.mismatches == scores.mismatches == 0
    size = sum(codes.size for codes in executed.activations)
    assert activations.compared == size > 0
    integers = NetworkComparison("test", trace(read(path), InputSpec()), act_scales(proof.network))
    integers.add(frames, executed)
    assert integers.activations.close().compared == size
    assert integers.scores.close().compared == executed.scores.size
    assert np.abs(executed.scores).max() < 2 ** (score_bits(proof.network) - 1)
    return proof.network, executed


def cases():
    """Every family at every width; of the deepest ones all but one width are slow."""
    quick = {"resnet20": 8, "resnet18": 1, "resnet18_small": 4, "mobilenet_v1": 4}
    for family in FAMILIES:
        for bits in BITS:
            slow = quick.get(family, bits) != bits
            yield pytest.param(family, bits, marks=pytest.mark.slow if slow else ())


@pytest.mark.parametrize(("family", "bits"), cases())
def test_every_integer_of_every_family(family, bits, tmp_path):
    network, trace = proved(family, tmp_path, weight_bit_width=bits, act_bit_width=bits)
    assert len(np.unique(trace.scores, axis=0)) > 1  # not equal because all is constant
    for act, codes in zip(network.activations(), trace.activations, strict=True):
        assert act.low <= codes.min() < codes.max() <= act.high


@pytest.mark.parametrize("bits", [1, 4])
@pytest.mark.parametrize(
    ("weight", "bias"), [(0.0, 2.0**25 + 4), (0.0, -1e9), (1e-9, 1e6), (1.0, 1e7), (-1.0, -1e7)]
)
def test_a_channel_that_never_changes_is_exported(weight, bias, bits, tmp_path):
    recipe, shape = family_stage("vgg_tiny", weight_bit_width=bits, act_bit_width=bits)
    network = trained(recipe, shape)
    norm = next(network.units()).norm
    with torch.no_grad():
        norm.weight[1], norm.bias[1] = weight, bias
    act = next(network.activations())
    _, trace = prove(network, shape, tmp_path)
    assert np.all(trace.activations[0][:, 1] == (act.high if bias > 0 else act.low))


def widths(count):
    return st.lists(st.sampled_from([1, 2, 3, 4, 5, 8]), min_size=count, max_size=count)


@st.composite
def configurations(draw):
    """A family with bits, quantisers and scales of its own."""
    family = draw(st.sampled_from(["vgg_tiny", "vgg_small", "tfc", "resnet8"]))
    count = family_stage(family)[0].net.weight_layers
    acts = draw(widths(count - 1))
    if family == "resnet8":  # one scale for what is added
        acts[2] = acts[0]
        acts[4], acts[7] = acts[5], acts[8]
    changes = {"weight_bit_width": draw(widths(count)), "act_bit_width": acts}
    if max(changes["weight_bit_width"]) > 1:
        wide = draw(st.sampled_from(["int", "dorefa", "learned_step"]))
        changes["weight_quantiser"] = [
            draw(st.sampled_from(["sign", "xnor"])) if bits == 1 else wide
            for bits in changes["weight_bit_width"]
        ]
    name = draw(st.sampled_from(["uint", "hwgq", "dorefa", "pact", "learned_step"]))
    binary = draw(st.sampled_from(["sign", "approx_sign"]))
    changes["act_quantiser"] = [binary if bits == 1 else name for bits in acts]
    return family, {**changes, "scale": draw(st.sampled_from(["power_of_two", "float"]))}


def check(configuration):
    family, changes = configuration
    with tempfile.TemporaryDirectory() as folder:
        proved(family, folder, **changes)


def test_other_gradients_of_the_sign_are_exported_alike(tmp_path):
    proved("vgg_tiny", tmp_path, weight_bit_width=1, act_bit_width=1, act_quantiser="approx_sign")


# Without shrinking, which would train and export for many minutes.
ANY = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)


@settings(ANY, max_examples=5)
@given(configurations())
def test_any_configuration(configuration):
    check(configuration)


@pytest.mark.slow
@settings(ANY, max_examples=60)
@given(configurations())
def test_many_configurations(configuration):
    check(configuration)


@pytest.mark.parametrize("scale", ["power_of_two", "float"])
@pytest.mark.parametrize(
    ("weights", "acts", "bits"),
    [("xnor", "uint", 1), ("learned_step", "pact", 2), ("dorefa", "hwgq", 4), ("int", "dorefa", 8)],
)
def test_canonical_network_makes_the_same_integers(weights, acts, bits, scale):
    """Before its batch-norms are rounded it computes what was trained, but for float rounding."""
    recipe, shape = family_stage(
        "resnet8",
        weight_bit_width=bits,
        act_bit_width=4,
        weight_quantiser=weights,
        act_quantiser=acts,
        scale=scale,
    )
    network = trained(recipe, shape, Form.FAST)
    codes = torch.from_numpy(random_frames(shape, 32).transpose(0, 3, 1, 2).copy()).float()
    target = canonical(network)
    integers = []
    with torch.no_grad():
        for each in (network, target):
            codes_of = []
            hooks = [
                act.register_forward_hook(
                    lambda act, inputs, output, kept=codes_of: kept.append(output / act.value)
                )
                for act in each.activations()
            ]
            each(codes)
            for hook in hooks:
                hook.remove()
            integers.append(torch.cat([values.round().flatten() for values in codes_of]))
    assert torch.mean((integers[0] != integers[1]).float()) < 1e-3
    for old, new in zip(network.units(), target.units(), strict=True):
        assert torch.all(torch.frexp(new.layer.quant_weight().scale).mantissa == 0.5)
        assert new.cost == old.cost


def test_canonical_form_of_a_canonical_network_is_itself():
    recipe, shape = family_stage("vgg_tiny", weight_bit_width=4)
    network = build(recipe, shape, 10)
    assert canonical(network) is network
    fast = build(recipe, shape, 10, form=Form.FAST)
    for name, value in canonical(fast).state_dict().items():
        assert torch.equal(value, fast.state_dict()[name])


@pytest.mark.parametrize(
    ("bits", "largest"),
    [(2, 1), (3, 3), *((4, code) for code in (1, 2, 3, 4, 7)), (8, 4), (8, 32), (8, 63), (8, 64)],
)
def test_canonical_weights_keep_their_codes_at_any_range(bits, largest):
    """Also where the largest code is a power of two, which Brevitas' scale would clip."""
    recipe, shape = family_stage("vgg_tiny", weight_bit_width=bits, weight_quantiser="learned_step")
    network = build(recipe, shape, 10).eval()
    with torch.no_grad():
        for unit in (*network.units(), network.classifier):
            step = float(unit.layer.weights.step(unit.layer.weight))
            codes = torch.randint(-largest, largest + 1, unit.layer.weight.shape)
            codes.flatten()[0] = -largest
            unit.layer.weight.copy_(codes * step)
    for old, new in zip(network.units(), canonical(network).units(), strict=True):
        before, after = integer_weights(old)[0], integer_weights(new)[0]
        factor = np.abs(after).max() // largest
        assert np.abs(before).max() == largest
        np.testing.assert_array_equal(after, before * factor)


def test_errors_name_layer_and_channel():
    recipe, shape = family_stage("vgg_small", weight_bit_width=4, act_bit_width=4)
    network = canonical(trained(recipe, shape))
    with torch.no_grad():
        network.layers.conv1.norm.bias[3] = torch.nan
    with pytest.raises(UnsupportedModelError, match=r"'conv1, channel 3': .*not finite"):
        freeze(network)
    recipe, shape = family_stage("vgg_small", weight_bit_width=4, weight_quantiser="learned_step")
    network = trained(recipe, shape)
    with torch.no_grad():
        network.layers.fc0.layer.weight.zero_()
    with pytest.raises(UnsupportedModelError, match="'fc0': every weight is 0"):
        canonical(network)


def test_accumulators_beyond_float32_are_refused():
    recipe = stage(net={"name": "tfc"}, weight_bit_width=8)
    network = build(recipe, (28, 28, 1), 10, form=Form.BREVITAS)
    with torch.no_grad():
        next(network.units()).layer.weight.fill_(1.0)  # 784 · 127 · 255 is 1.5 times 2^24
    with pytest.raises(UnsupportedModelError, match="'fc0, channel 0': the accumulator reaches 25"):
        freeze(network)


def test_scores_beyond_float32_are_refused():
    recipe = stage(net={"name": "vgg_tiny", "features": []}, weight_bit_width=8)
    network = build(recipe, (32, 32, 1), 10)
    with torch.no_grad():
        network.classifier.layer.weight.fill_(1.0)  # 1,024 · 127 · 255 > 2^24
    with pytest.raises(UnsupportedModelError, match="'fc0, channel 0': the scores reach"):
        score_bits(network)
