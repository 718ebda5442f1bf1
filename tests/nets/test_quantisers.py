"""Quantisers by name: what the papers say, and the fast form equal to Brevitas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from hwflow.nets import Form
from hwflow.nets.activations import ACT_RANGE, Activation, new_scale
from hwflow.nets.layers import QuantLinear
from hwflow.nets.scales import LearnedScale
from hwflow.nets.weights import Weights

WEIGHTS = [("sign", 1), ("xnor", 1)] + [
    (name, bits) for name in ("int", "dorefa", "learned_step") for bits in (2, 3, 4, 8)
]
WIDE_ACTS = ("uint", "hwgq", "dorefa", "pact", "learned_step")
AROUND = (0.9, 0.995, 1.005, 1.1)
ACTS = [("sign", 1), ("approx_sign", 1)] + [
    (name, bits) for name in WIDE_ACTS for bits in (2, 3, 4, 8)
]


def latent(seed=0):
    """Weights (8, 24) with zeros, ones, a row of one magnitude and a row of tiny ones."""
    draw = torch.Generator().manual_seed(seed)
    weight = torch.randn(8, 24, generator=draw) * 0.7
    weight[0, :4] = torch.tensor([0.0, -0.0, 1.0, -1.0])
    weight[1] = 0.25
    weight[2] = 1e-6
    return weight


def inputs(scale, high):
    """Every switch point, its float32 neighbours, the ends, and random values; (n, 1)."""
    ties = (torch.arange(-high - 2, high + 2) + 0.5) * scale
    exact = torch.cat([ties, torch.tensor([-1.0, 0.0, -0.0, 1.0, 1e-30, 1e30, -1e30])])
    exact = torch.cat([exact, torch.tensor([high * scale, -high * scale])])
    near = [torch.nextafter(exact, torch.full_like(exact, end)) for end in (-torch.inf, torch.inf)]
    noise = torch.randn(400, generator=torch.Generator().manual_seed(1)) * 3
    return torch.cat([exact, *near, noise]).float().reshape(-1, 1)


def grads(function, values, upstream, parameters=()):
    values = values.clone().requires_grad_()
    result = function(values)
    found = torch.autograd.grad(result, [values, *parameters], upstream)
    return result.detach(), found


@pytest.mark.parametrize("power_of_two", [True, False])
@pytest.mark.parametrize(("name", "bits"), WEIGHTS)
def test_fast_weights_are_those_of_brevitas(name, bits, power_of_two):
    weights = Weights(name, bits, power_of_two=power_of_two, per_channel=True)
    layer = QuantLinear(24, 8, bias=False, **weights.brevitas())
    with torch.no_grad():
        layer.weight.copy_(latent())
    weights.start_from(layer.weight)
    copy = layer.weight.detach().clone().requires_grad_()
    upstream = torch.randn(8, 24, generator=torch.Generator().manual_seed(2))
    learned = list(weights.parameters())
    quantised = layer.quant_weight().value
    expected = torch.autograd.grad(quantised, [layer.weight, *learned], upstream)
    fast = weights(copy)
    got = torch.autograd.grad(fast, [copy, *learned], upstream)
    assert torch.equal(fast, quantised)
    assert torch.equal(copy, layer.weight)  # clamped alike, where a quantiser clamps
    for mine, theirs in zip(got, expected, strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("power_of_two", [True, False])
@pytest.mark.parametrize(("name", "bits"), ACTS)
def test_fast_activations_are_those_of_brevitas(name, bits, power_of_two, signed):
    scale = new_scale(name, bits, power_of_two=power_of_two)
    acts = [
        Activation(name, bits, scale, form, signed=signed) for form in (Form.FAST, Form.BREVITAS)
    ]
    values = inputs(acts[0].value, acts[0].high)
    upstream = torch.randn(values.shape, generator=torch.Generator().manual_seed(2))
    learned = list(scale.parameters())
    (fast, got), (slow, expected) = (grads(act, values, upstream, learned) for act in acts)
    assert torch.equal(fast, slow)
    codes = (fast / acts[0].value).round()
    assert codes.min() == acts[0].low
    assert codes.max() == acts[0].high
    if power_of_two or bits == 1:
        assert torch.equal(got[0], expected[0])
    else:  # g · s / s, which Brevitas computes, is g up to two roundings
        torch.testing.assert_close(got[0], expected[0], rtol=2**-22, atol=0)
    for mine, theirs in zip(got[1:], expected[1:], strict=True):
        # Sums of the same terms in another order; those of 1e30 are no concern of the codes.
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_gradient_of_approx_sign_is_a_tent():
    x = torch.tensor([-2.0, -1.0, -0.75, 0.0, 0.25, 1.0, 3.0], requires_grad=True)
    act = Activation("approx_sign", 1, new_scale("approx_sign", 1, power_of_two=True), Form.FAST)
    act(x).sum().backward()
    assert x.grad.tolist() == [0, 0, 0.5, 2, 1.5, 0, 0]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_learned_step_follows_lsq(bits):
    """Esser et al. 2020, equation 3, times its g and d s / d log2 s."""
    highest = 2**bits - 1
    scale = new_scale("learned_step", bits, power_of_two=False)
    act = Activation("learned_step", bits, scale, Form.FAST)
    values = torch.randn(5, 7, generator=torch.Generator().manual_seed(0)) * 3
    _, (_, got) = grads(act, values, torch.ones_like(values), [scale.log_step])
    step = act.value
    steps = values.double().numpy() / step
    inside = np.rint(steps) - steps
    of_step = np.where(steps <= 0, 0, np.where(steps >= highest, highest, inside)).sum()
    assert float(got) == pytest.approx(of_step * (7 * highest) ** -0.5 * step * np.log(2), rel=1e-3)


def test_pact_learns_from_what_it_clips():
    """Choi et al. 2018, equation 3: the gradient of α is 1 where x ≥ α, 0 elsewhere."""
    scale = new_scale("pact", 4, power_of_two=False)
    act = Activation("pact", 4, scale, Form.FAST)
    values = torch.tensor([[-1.0, 0.3, 3.9, 4.1, 9.0]])
    _, (passed, got) = grads(act, values, torch.ones_like(values), [scale.log_step])
    assert passed.tolist() == [[0, 1, 1, 0, 0]]
    assert float(got) == pytest.approx(2 * ACT_RANGE * np.log(2))  # two values; d α / d log2 s


def half_gaussian_error(step, act):
    """Mean squared error of the codes of ``act``, by sums.

    Of max(x, 0) with x a unit Gaussian, or, on codes of both signs, of x itself.
    """
    x = np.linspace(-8, 8, 160_001)
    density = np.exp(-(x**2) / 2)
    codes = np.clip(np.rint(x / step), act.low, act.high)
    wanted = x if act.low else np.maximum(x, 0)
    return ((codes * step - wanted) ** 2 * density).sum() / density.sum()


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", range(2, 9))
def test_hwgq_steps_have_the_least_error_of_a_half_gaussian(bits, signed):
    for power_of_two in (False, True):
        scale = new_scale("hwgq", bits, power_of_two=power_of_two)
        act = Activation("hwgq", bits, scale, Form.FAST, signed=signed)
        others = [2.0**-e for e in range(9)] if power_of_two else [act.value * r for r in AROUND]
        least = half_gaussian_error(act.value, act)
        assert all(half_gaussian_error(step, act) > least for step in others if step != act.value)


def test_xnor_scale_is_the_mean_magnitude():
    weights = Weights("xnor", 1, power_of_two=False, per_channel=True)
    weight = latent()
    expected = np.sign(weight.numpy() + 1e-30) * np.abs(weight.numpy()).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(weights(weight).numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("form", [Form.FAST, Form.BREVITAS])
def test_xnor_gradient_is_that_of_sign_and_mean(form):
    """By hand: α = (0.5 + 0.25 + 2 + 1.25) / 4 = 1; Σ g · sign = 1 - 2 - 4 + 8 = 3, over 4."""
    weights = Weights("xnor", 1, power_of_two=False, per_channel=True)
    layer = QuantLinear(4, 2, bias=False, **weights.brevitas())
    with torch.no_grad():
        layer.weight[0] = torch.tensor([0.5, -0.25, -2.0, 1.25])
    upstream = torch.tensor([[1.0, 2.0, 4.0, 8.0], [0.0] * 4])
    quantised = weights(layer.weight) if form is Form.FAST else layer.quant_weight().value
    (got,) = torch.autograd.grad(quantised, [layer.weight], upstream)
    of_mean = [0.75, -0.75, -0.75, 0.75]
    of_sign = [1.0, 2.0, 0.0, 0.0]  # none where |w| > 1
    assert got[0].tolist() == [a + b for a, b in zip(of_mean, of_sign, strict=True)]
    assert not got[1].any()  # a channel's mean is its own


@pytest.mark.parametrize(("name", "bits"), [case for case in WEIGHTS if case[0] != "sign"])
def test_power_of_two_scales_are(name, bits):
    weights = Weights(name, bits, power_of_two=True, per_channel=True)
    weights.start_from(latent())
    scale = weights.step(latent())
    assert torch.all(torch.frexp(scale.detach()).mantissa == 0.5)


def test_codes_are_narrow_and_used():
    for (name, bits), power_of_two in itertools.product(WEIGHTS, (True, False)):
        weights = Weights(name, bits, power_of_two=power_of_two, per_channel=False)
        weights.start_from(latent())
        codes = (weights(latent()) / weights.step(latent())).round()
        assert codes.abs().max() <= max(1, 2 ** (bits - 1) - 1)
        assert codes.min() < 0 < codes.max()


def test_learned_scale_starts_where_lsq_does():
    weights = Weights("learned_step", 4, power_of_two=False, per_channel=False)
    weights.start_from(latent())
    assert isinstance(weights.step, LearnedScale)
    expected = 2 * latent().abs().mean() / 7**0.5
    assert float(weights.step(latent())) == pytest.approx(float(expected))


@pytest.mark.parametrize("form", [Form.FAST, Form.BREVITAS])
@pytest.mark.parametrize("power_of_two", [True, False])
@pytest.mark.parametrize(("name", "bits"), ACTS)
def test_half_precision_has_the_codes_of_float32(name, bits, power_of_two, form):
    """As under autocast: equal inputs give equal codes and gradients, rounded to bfloat16."""
    scale = new_scale(name, bits, power_of_two=power_of_two)
    act = Activation(name, bits, scale, form)
    values = (torch.randn(4000, 1, generator=torch.Generator().manual_seed(3)) * 2).bfloat16()
    upstream = torch.randn(values.shape, generator=torch.Generator().manual_seed(2)).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half, (half_grad,) = grads(act, values, upstream)
    full, (full_grad,) = grads(act, values.float(), upstream.float())
    assert half.dtype == half_grad.dtype == torch.bfloat16
    assert torch.equal(half, full.bfloat16())
    if name == "approx_sign":  # 2 - 2 |x| and the product are each rounded to 8 bits
        torch.testing.assert_close(half_grad.float(), full_grad, rtol=2**-6, atol=2**-6)
    else:
        assert torch.equal(half_grad, full_grad.bfloat16())
    if power_of_two:
        assert torch.equal(half.float(), full)  # 8-bit codes fit bfloat16's significand
