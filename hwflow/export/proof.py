"""Writes a trained network as QONNX and proves the file equal to it on given frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.config.bundle import Link
from hwflow.export.canonical import canonical
from hwflow.export.freeze import freeze
from hwflow.export.qonnx_file import write_qonnx
from hwflow.export.verify import (
    Trace,
    act_scales,
    compare,
    trace_network,
    trace_qonnx,
)
from hwflow.nets import StageNet


@dataclass(frozen=True)
class Proven:
    """The canonical, frozen ``network`` behind a file, its integers, and what was compared."""

    network: StageNet
    trace: Trace
    links: tuple[Link, ...]


def write_proven(network: StageNet, path: Path, frames: NDArray[np.uint8], *, name: str) -> Proven:
    """Write ``network``, made canonical and frozen, to ``path``; prove it equal on ``frames``.

    ``frames``: (N, H, W, C). ``name``: of the stage, for the links.

    Raises:
        UnsupportedModelError: naming what exact integers cannot carry.
        VerificationError: naming the first frame on which the file differs.
    """
    network = canonical(network)
    units = freeze(network)
    write_qonnx(network, network.frame_shape, path)
    trained, ties = trace_network(network, units, frames)
    executed = trace_qonnx(
        path, frames, act_scales=act_scales(network), score_scale=network.score_scale
    )
    links = compare(f"{name} brevitas-qonnx", trained, executed, ties=ties)
    return Proven(network, trained, links)
