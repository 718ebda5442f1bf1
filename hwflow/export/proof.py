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
    QonnxFile,
    act_scales,
    batches,
    compare,
    joined,
    trace_network,
)
from hwflow.log import Progress, silent
from hwflow.nets import StageNet


@dataclass(frozen=True)
class Proven:
    """The canonical, frozen ``network`` behind a file, its scores, and what was compared.

    ``scores``: (N, classes) int32.
    """

    network: StageNet
    scores: NDArray[np.int32]
    links: tuple[Link, ...]


def write_proven(
    network: StageNet,
    path: Path,
    frames: NDArray[np.uint8],
    *,
    name: str,
    progress: Progress = silent,
) -> Proven:
    """Write ``network``, made canonical and frozen, to ``path``; prove it equal on ``frames``.

    ``frames``: (N, H, W, C); some are compared at a time, as the activations of all would not fit
    into memory. ``name``: of the stage, for the links.

    Raises:
        UnsupportedModelError: naming what exact integers cannot carry.
        VerificationError: naming the first frame on which the file differs.
    """
    network = canonical(network)
    units = freeze(network)
    write_qonnx(network, network.frame_shape, path)
    file = QonnxFile(path, act_scales=act_scales(network), score_scale=network.score_scale)
    scores, links = [], []
    for first, batch in batches(frames):
        progress(f"export {name}", first, len(frames))
        trained, ties = trace_network(network, units, batch)
        executed = file.trace(batch)
        links.append(compare(f"{name} brevitas-qonnx", trained, executed, ties=ties, first=first))
        scores.append(trained.scores)
    progress(f"export {name}", len(frames), len(frames))
    return Proven(network, np.concatenate(scores), tuple(map(joined, zip(*links, strict=True))))
