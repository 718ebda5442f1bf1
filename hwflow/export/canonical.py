"""Rewrites a trained network so that every scale is a power of two, as export wants it.

A float or learned scale of a layer multiplies everything that the layer makes, so the batch-norm
behind it can take it over: with weights w·s_w, inputs x·s_x and an activation of scale s_y, the
integers of y depend on γ·s_w·s_x / s_y and β / s_y alone. The canonical network has the same
integer weights at scales of its own and the gains that make up for the difference. Its batch-norms
then become half-grid (``freeze``), which rounds them; that is the one thing that changes what a
network computes, with float scales as with powers of two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwflow.errors import UnsupportedModelError
from hwflow.nets import Form, StageNet, Unit, build

DEFAULTS = {"weight_quantiser": None, "act_quantiser": None, "scale": "power_of_two"}


def canonical(network: StageNet) -> StageNet:
    """Return ``network`` in Brevitas form with canonical quantisers; itself, if it is that already.

    Raises:
        UnsupportedModelError: naming a layer whose weights are all 0.
    """
    recipe = network.recipe
    plain = all(getattr(recipe, field) == value for field, value in DEFAULTS.items())
    source = _rebuilt(network, {}) if network.form is not Form.BREVITAS else network
    if source is not network:
        source.load_state_dict(network.state_dict())
    if plain:
        return source
    target = _rebuilt(network, DEFAULTS)
    with torch.no_grad():
        for old, new in zip(source.units(), target.units(), strict=True):
            _carry(old, new)
        _set_weights(source.classifier, target.classifier)
    return target.eval()


def _rebuilt(network: StageNet, changes: dict[str, Any]) -> StageNet:
    recipe = network.recipe.model_copy(update=changes)
    with torch.random.fork_rng(devices=[]):
        return build(
            recipe,
            network.frame_shape,
            network.classes,
            form=Form.BREVITAS,
            channels=network.channels,
        ).eval()


def _carry(old: Unit, new: Unit) -> None:
    """Give ``new`` the integer weights of ``old``, and a batch-norm that makes its integers."""
    scale = _set_weights(old, new)
    made = scale * old.input.step / new.input.step  # old accumulator over the new one, real values
    step = new.output.step / old.output.step
    variance = old.norm.running_var.double() + old.norm.eps
    gain = old.norm.weight.double() / variance.sqrt()
    bias = old.norm.bias.double() - old.norm.running_mean.double() * gain
    # Variance 1 in float64: what is folded is exact up to the rounding of weight and bias.
    new.norm.running_mean.zero_()
    new.norm.running_var.fill_(1.0 - new.norm.eps)
    new.norm.weight.copy_(gain * made * step)
    new.norm.bias.copy_(bias * step)


def _set_weights(old: Unit, new: Unit) -> Tensor:
    """Give ``new`` the integer weights of ``old``; return the ratio of their scales, (outputs,)."""
    codes, scale = integer_weights(old)
    if not codes.any():
        raise UnsupportedModelError(
            "every weight is 0 after quantisation; train with a smaller scale", node=old.name
        )
    latent = codes.astype(np.float64)
    largest = np.abs(codes).max()
    if old.cost.weight_bit_width > 1:
        latent *= 2.0 ** (1 - old.cost.weight_bit_width)
        if int(largest).bit_count() == 1:
            # The canonical scale puts a power of two just beyond its highest code. A quarter of a
            # step more gets twice that scale, at which it rounds to the code that is meant.
            latent[np.abs(codes) == largest] *= 1 + 2.0**-old.cost.weight_bit_width
    new.layer.weight.copy_(torch.from_numpy(latent))
    made, made_scale = integer_weights(new)
    ratio = 1 if old.cost.weight_bit_width == 1 else np.abs(made).max() // largest
    assert np.array_equal(made, codes * ratio), "the canonical network has the same weights"
    return torch.from_numpy(np.broadcast_to(scale / (made_scale * ratio), (len(codes),)).copy())


def integer_weights(unit: Unit) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return a Brevitas unit's integer weights (outputs, ...) and scale, (1,) or (outputs,)."""
    quantised = unit.layer.quant_weight()
    scale = quantised.scale.detach().double()
    codes = (quantised.value.detach().double() / scale).numpy()
    integers: NDArray[np.float64] = np.rint(codes)
    # Value and scale are float32, so a quotient of up to 127 is off by some 1e-5 at most.
    assert np.abs(codes - integers).max() < 1e-3, "quantised weights are integers times their scale"
    return integers.astype(np.int64), scale.reshape(-1).numpy()
