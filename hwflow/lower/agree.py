"""Equality of an integer network with an execution of its file, on every integer.

For files that cannot have rounding ties, as hwflow exports them; ``hwflow.lower.compare`` is for
any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.errors import UnsupportedModelError
from hwflow.export.tally import Tally
from hwflow.export.verify import Trace
from hwflow.lower.evaluate import evaluate_all
from hwflow.lower.lowering import Lowered
from hwflow.lower.lowering.context import Mark
from hwflow.lower.network import IntArray
from hwflow.lower.read.nodes import clean


class NetworkComparison:
    """Compares the network of ``lowered`` with traces of its file, batch by batch.

    ``act_scales``: real value of one step of each of the trace's activations, in their order.
    """

    def __init__(self, link: str, lowered: Lowered, act_scales: Sequence[float]) -> None:
        self.activations, self.scores = Tally(f"{link} activations"), Tally(f"{link} scores")
        self._lowered, self._scales = lowered, tuple(act_scales)
        self._marks = {mark.output: mark for mark in lowered.marks}
        self._frames = 0

    def add(self, frames: NDArray[np.uint8], trace: Trace) -> None:
        """Compare the next ``frames`` (N, H, W, C), of which the file gave ``trace``.

        Raises:
            UnsupportedModelError: naming an activation of the file that is none of the network's.
        """
        network = self._lowered.network
        values = evaluate_all(network, frames)
        layers = [
            (name, codes, self._codes(name, scale, values, codes.shape))
            for name, codes, scale in zip(
                trace.layers, trace.activations, self._scales, strict=True
            )
        ]
        self.activations.add(layers, start=self._frames)
        scores = values[network.scores].reshape(-1, network.classes)
        self.scores.add([("", trace.scores, scores)], start=self._frames)
        self._frames += len(frames)

    def _codes(
        self, name: str, scale: float, values: Mapping[str, IntArray], shape: tuple[int, ...]
    ) -> NDArray[Any]:
        """Return the network's activation ``name`` in steps of ``scale``, as the file places it.

        float64, unrounded: what is no whole step equals no code.
        """
        mark = self._mark(name)
        integers = values[mark.tensor]
        steps = (integers * mark.scale + mark.offset) / scale
        placed: NDArray[Any] = steps.reshape(len(integers), -1)[:, mark.index.ravel()]
        return placed.reshape(shape)

    def _mark(self, name: str) -> Mark:
        found = self._marks.get(clean(name))
        if found is None:
            raise UnsupportedModelError("has no place in the integer network", node=name)
        return found
