"""Writes a trained network as QONNX and proves the file equal to it on given frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.config.bundle import Link
from hwflow.export.canonical import canonical
from hwflow.export.freeze import FrozenUnit, freeze
from hwflow.export.qonnx_file import write_qonnx
from hwflow.export.verify import (
    BATCH,
    Comparison,
    QonnxFile,
    Trace,
    act_scales,
    trace_network,
)
from hwflow.log import Progress, silent
from hwflow.nets import StageNet


@dataclass(frozen=True)
class Proven:
    """The canonical, frozen ``network`` behind a file, and what was compared.

    ``scores``: (N, classes) int32 of the frames.
    """

    network: StageNet
    scores: NDArray[np.int32]
    links: tuple[Link, ...]


@dataclass
class Proof:
    """The canonical, frozen ``network`` with its ``units``, and the file at ``path`` made of it."""

    network: StageNet
    units: tuple[FrozenUnit, ...]
    path: Path
    comparison: Comparison
    scores: list[NDArray[np.int32]] = field(default_factory=list)

    def run(self, frames: NDArray[np.uint8]) -> Iterator[tuple[NDArray[np.uint8], Trace]]:
        """Compare network and file on ``frames`` (N, H, W, C); yield each batch as the file has it.

        Batch by batch: of all frames at once, the activations of a network of usual size would
        not fit a machine's memory.
        """
        file = QonnxFile(
            self.path,
            act_scales(self.network),
            self.network.score_scale,
            batch=max(1, min(BATCH, len(frames))),
        )
        for first in range(0, len(frames), BATCH):
            batch = frames[first : first + BATCH]
            trained, ties = trace_network(self.network, self.units, batch)
            executed = file.trace(batch)
            self.comparison.add(trained, executed, ties=ties)
            self.scores.append(trained.scores)
            yield batch, executed


def write(network: StageNet, path: Path, *, name: str) -> Proof:
    """Write ``network``, made canonical and frozen, to ``path``; nothing is compared yet.

    ``name``: of the stage, for the links.

    Raises:
        UnsupportedModelError: naming what exact integers cannot carry.
    """
    network = canonical(network)
    units = freeze(network)
    write_qonnx(network, network.frame_shape, path)
    return Proof(network, units, path, Comparison(f"{name} brevitas-qonnx"))


def write_proven(
    network: StageNet,
    path: Path,
    frames: NDArray[np.uint8],
    *,
    name: str,
    progress: Progress = silent,
) -> Proven:
    """Write ``network``, made canonical and frozen, to ``path``; prove it equal on ``frames``.

    ``frames``: (N, H, W, C). ``name``: of the stage, for the links.

    Raises:
        UnsupportedModelError: naming what exact integers cannot carry.
        VerificationError: naming the first frame on which the file differs.
    """
    proof = write(network, path, name=name)
    done = 0
    for batch, _ in proof.run(frames):
        done += len(batch)
        progress(f"export {name}", done, len(frames))
    links = proof.comparison.close()
    return Proven(proof.network, np.concatenate(proof.scores), links)
