"""What the layers of a stage take, by the cost models of ``hwflow.cost``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwflow.cost.controller import Controller, StageSide
from hwflow.cost.model import price
from hwflow.cost.resources import Resources
from hwflow.cost.streams import Converter, Fifo
from hwflow.dataflow.blocks import Unit, block_of
from hwflow.rtl.accelerator import StagePorts

__all__ = [
    "Unit",
    "controller_resources",
    "converter_resources",
    "estimate",
    "fifo_resources",
    "layer_estimates",
    "layer_resources",
]

Model = Any


def estimate(model: Model) -> Resources:
    """Return what the nodes of ``model`` take, converters and FIFOs only where it has them."""
    total = Resources()
    for _, found in layer_estimates(model):
        total += found
    return total


def layer_estimates(model: Model) -> tuple[tuple[str, Resources], ...]:
    """Return (node name, resources) of each node of ``model``, converters and FIFOs among them."""
    from qonnx.custom_op.registry import getCustomOp

    return tuple((node.name, layer_resources(getCustomOp(node))) for node in model.graph.node)


def layer_resources(operator: Any, *, unit: Unit | None = None) -> Resources:
    """Return what one node takes at its present folding, without the converter or FIFO behind.

    ``unit``: price a matrix node as if it were in LUTs ("lut"), on our own unit's DSPs ("dsp") or
    in FINN's DSP unit ("finn"); None prices it as it stands. FINN's unit is priced at the node's
    own weight bits; weights that use −2^(b−1) would take one more.
    """
    return price(block_of(operator, unit=unit))


def converter_resources(in_bits: int, out_bits: int) -> Resources:
    """Return what a width converter between streams of so many bits takes; none if equal."""
    return Resources() if in_bits == out_bits else price(Converter(in_bits, out_bits))


def fifo_resources(depth: int, bits: int) -> Resources:
    """Return what a FIFO of ``depth`` words of ``bits`` bits takes."""
    return price(Fifo(depth, bits))


def controller_resources(
    stages: Sequence[StagePorts],
    *,
    classes: int,
    frame_bytes: int,
    frame_beat_bytes: int,
    retention_frames: Sequence[int],
    reorder_frames: int,
    last_frames: int,
) -> Resources:
    """Return what the cascade around ``stages`` takes: controller, registers, retained frames.

    Arguments as in ``hwflow.rtl.accelerator.AcceleratorParameters``.
    """
    sides = tuple(StageSide(s.in_bytes, s.score_bits, s.score_lanes) for s in stages)
    return price(
        Controller(
            sides,
            classes,
            frame_bytes,
            frame_beat_bytes,
            tuple(retention_frames),
            reorder_frames,
            last_frames,
        )
    )
