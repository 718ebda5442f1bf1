"""Equality of a hardware graph, executed in Python, with its integer network, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.dataflow.verify import execute_all
from hwflow.export.tally import Layer, Tally
from hwflow.log import Progress, silent
from hwflow.lower.evaluate import BATCH, evaluate_all
from hwflow.lower.network import IntArray, Network, Tensor

Model = Any


class GraphComparison:
    """What a graph and its network were compared on: ``layers`` and ``scores``.

    ``absent``: tensors of the network that the graph does not hold, since one unit computes several
    layers or a stream needs no reshape.
    """

    def __init__(self, link: str, model: Model, network: Network) -> None:
        self.layers, self.scores = Tally(f"{link} layers"), Tally(f"{link} scores")
        self._model, self._network = model, network
        streams = {name for node in model.graph.node for name in node.output}
        made = [layer.output for layer in network.layers]
        self._compared = tuple(tensor for tensor in made if tensor.name in streams)
        self.absent = tuple(tensor.name for tensor in made if tensor.name not in streams)
        # Nothing compared would be nothing wrong.
        assert self._compared, f"{link}: no tensor of {network.name} is in the graph"

    def run(self, frames: NDArray[np.uint8], *, progress: Progress = silent) -> None:
        """Compare every tensor that both hold on ``frames`` (N, H, W, C).

        Must run inside ``hwflow.dataflow.finn.session``.

        Raises:
            VerificationError: a value that its stream cannot carry; see ``execute_all``.
        """
        assert len(frames), f"{self.layers.link}: no frames to compare"
        sink = self._model.graph.output[0].name
        expected = self._expected(frames)
        for index, context in enumerate(execute_all(self._model, frames)):
            values = next(expected)
            layers: list[Layer] = [
                (tensor.name, values[tensor.name], _integers(context[tensor.name], tensor))
                for tensor in self._compared
            ]
            self.layers.add(layers, start=index)
            scores = values[self._network.scores].reshape(1, -1)
            self.scores.add([("", scores, context[sink].reshape(1, -1))], start=index)
            progress("FINN graph", index + 1, len(frames))

    def _expected(self, frames: NDArray[np.uint8]) -> Iterator[dict[str, IntArray]]:
        """Yield the tensors (1, H, W, C) of one frame after the other."""
        for start in range(0, len(frames), BATCH):
            batch = frames[start : start + BATCH]
            values = evaluate_all(self._network, batch)
            for index in range(len(batch)):
                yield {name: value[index : index + 1] for name, value in values.items()}


def _integers(stream: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Return the integers (1, H, W, C) of ``tensor`` that ``stream`` carries."""
    values = stream.reshape(1, *tensor.shape)
    return 2 * values - 1 if tensor.bipolar else values
