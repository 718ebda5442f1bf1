"""The example networks by name, and the random state that makes each worth building."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from hwflow.errors import ConfigError
from hwflow.nets.examples.keyword import FEATURES, STEPS, Keyword1d
from hwflow.nets.examples.mobilenet import MobileNetV1
from hwflow.nets.examples.resnet import ResNet8
from hwflow.nets.examples.vgg import Vgg

BYTE_TO_UNIT = 1 / 255
CALIBRATION_FRAMES = 32
NEGATIVE_GAMMAS = 0.25


@dataclass(frozen=True)
class Example:
    """A network and how it reads frames.

    ``shape``: of its float input without batch. ``input_scale``: float input = byte × that, done
    by whoever feeds the network (brevitas' examples read 0 … 1).
    """

    name: str
    network: Callable[[], nn.Module]
    shape: tuple[int, ...]
    input_scale: float = 1.0


def _brevitas(name: str, weight_bits: int, act_bits: int) -> nn.Module:
    """Return a network of ``brevitas_examples.bnn_pynq``, unmodified.

    The wheel configures no LFC at W2A2; it is LFC at W1A2 with 2-bit weights.
    """
    from brevitas_examples.bnn_pynq import models

    known = "1w2a" if name == "lfc" else f"{weight_bits}w{act_bits}a"
    config = models.get_model_cfg(f"{name}_{known if act_bits == 2 else '1w1a'}")
    config["QUANT"]["WEIGHT_BIT_WIDTH"] = str(weight_bits)
    network: nn.Module = models.model_impl[config["MODEL"]["ARCH"]](config)
    for module in network.modules():
        if hasattr(module, "unpack_input"):
            # See hwflow.nets.layers: torch 2.13 lacks a method that brevitas 0.13.0 calls there.
            module.unpack_input = MethodType(_plain, module)  # type: ignore[assignment]
    return network


def _plain(_: Any, value: Tensor) -> Tensor:
    return value


def _all() -> dict[str, Example]:
    examples = [
        Example("vgg_w4a4", Vgg, (3, 32, 32)),
        Example("resnet8_w8a8", ResNet8, (3, 32, 32)),
        Example("mobilenet_w4a4", MobileNetV1, (3, 32, 32)),
        Example("keyword_w4a8", Keyword1d, (FEATURES, STEPS)),
    ]
    for name in ("tfc", "sfc", "lfc", "cnv"):
        for weight_bits, act_bits in ((1, 1), (1, 2), (2, 2)):
            examples.append(
                Example(
                    f"{name}_w{weight_bits}a{act_bits}",
                    partial(_brevitas, name, weight_bits, act_bits),
                    (3, 32, 32) if name == "cnv" else (1, 28, 28),
                    # CNV's first quantiser takes Q1.7, TFC's … one or two bits of 0 … 1.
                    BYTE_TO_UNIT,
                )
            )
    return {entry.name: entry for entry in examples}


EXAMPLES = _all()


def example(name: str, *, seed: int) -> tuple[nn.Module, Example]:
    """Return network ``name`` in evaluation mode with weights and batch norms drawn from ``seed``.

    Batch-norm statistics are those of random frames, so that activations use their range; a
    quarter of the γ are negative, as training gives some.

    Raises:
        ConfigError: there is no such example.
    """
    if name not in EXAMPLES:
        raise ConfigError(f"no example network {name!r}; there are: {', '.join(sorted(EXAMPLES))}")
    entry = EXAMPLES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = entry.network()
        frames = torch.randint(0, 256, (CALIBRATION_FRAMES, *entry.shape)).float()
        _randomise(network)
        network.train()
        with torch.no_grad():
            network(frames * entry.input_scale)
    return network.eval(), dataclasses.replace(entry)


def _randomise(network: nn.Module) -> None:
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.momentum = 1.0  # the statistics become those of the frames
                size = module.weight.shape
                sign = torch.where(torch.rand(size) < NEGATIVE_GAMMAS, -1.0, 1.0)
                module.weight.copy_((0.5 + torch.rand(size)) * sign)
                module.bias.copy_(0.5 * torch.randn(size))
