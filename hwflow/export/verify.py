"""Equality of the exported QONNX with the trained network, on every integer of every test frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from qonnx.transformation.infer_shapes import InferShapes

from hwflow.config.bundle import Link
from hwflow.errors import UnsupportedModelError
from hwflow.export.freeze import FrozenUnit
from hwflow.export.qonnx_file import INPUT, OUTPUT
from hwflow.export.tally import Tally
from hwflow.nets import StageNet
from hwflow.nets.activations import Activation
from hwflow.train import real_scores, to_codes

BATCH = 90
_QUANTISERS = ("Quant", "BipolarQuant")


@dataclass(frozen=True)
class Trace:
    """Integers of one network over N frames.

    ``activations``: per quantiser (N, ...) int32 codes, in order; ``scores``: (N, classes) int32.
    ``layers``: name of each quantiser: the network's own, or the tensor in the file.
    """

    activations: tuple[NDArray[np.int32], ...]
    scores: NDArray[np.int32]
    layers: tuple[str, ...]


def to_integers(values: NDArray[np.float32], scale: float, *, what: str) -> NDArray[np.int32]:
    """Return ``values`` / ``scale`` as int32.

    Raises:
        UnsupportedModelError: if a value is not an exact multiple of ``scale``.
    """
    steps = values.astype(np.float64) / scale
    integers = np.rint(steps)
    if not np.array_equal(steps, integers):
        worst = np.unravel_index(np.argmax(np.abs(steps - integers)), steps.shape)
        raise UnsupportedModelError(
            f"value {values[worst]!r} at frame {worst[0]} is no integer multiple of {scale!r}",
            node=what,
        )
    return integers.astype(np.int32)


def trace_network(
    network: StageNet, units: Sequence[FrozenUnit], frames: NDArray[np.uint8]
) -> tuple[Trace, int]:
    """Return the integers of the frozen ``network`` on ``frames``, and the rounding ties met.

    Ties are counted in exact arithmetic: accumulators are exact integers (checked by ``freeze``),
    and gain, bias and their combination fit float64.
    """
    acts = list(network.activations())
    activations: list[list[NDArray[np.float32]]] = [[] for _ in acts]
    ties = [0 for _ in units]

    def keep(index: int) -> Callable[..., None]:
        def hook(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
            activations[index].append(output.numpy())

        return hook

    def count(index: int) -> Callable[..., None]:
        unit = units[index]

        def hook(
            module: torch.nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor
        ) -> None:
            channels = (-1,) + (1,) * (inputs[0].dim() - 2)
            exact = inputs[0].double().numpy() * unit.gain.reshape(channels)
            exact += unit.bias.reshape(channels)
            ties[index] += int(np.sum(unit.quantiser.on_tie(exact)))

        return hook

    hooks = [(act, keep(index)) for index, act in enumerate(acts)]
    hooks += [(unit.norm, count(index)) for index, unit in enumerate(network.units())]
    with _hooked(hooks), torch.no_grad():
        scores = [network(batch).numpy() for batch in torch.split(to_codes(frames), BATCH)]
    codes = tuple(
        to_integers(np.concatenate(parts), scale, what=f"activation {index}")
        for index, (scale, parts) in enumerate(zip(act_scales(network), activations, strict=True))
    )
    real = np.concatenate(scores)
    integers = to_integers(real, network.score_scale, what="scores")
    return Trace(codes, integers, act_names(network)), sum(ties)


def act_names(network: StageNet) -> tuple[str, ...]:
    """Return names of the activations in order of execution: of the unit, or of the sum's block."""
    units = {id(unit.act): unit.name for unit in network.units()}
    return tuple(
        units.get(id(module), path.removeprefix("layers."))
        for path, module in network.named_modules()
        if isinstance(module, Activation)
    )


def act_scales(network: StageNet) -> list[float]:
    """Return the real value of one step of each activation, in order of execution."""
    return [act.value for act in network.activations()]


def score_network(network: StageNet, frames: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the integer scores (N, classes) of the frozen ``network`` on ``frames``."""
    return to_integers(real_scores(network, frames), network.score_scale, what="scores")


class QonnxFile:
    """The file at ``path``, made ready to be executed by qonnx, ``batch`` frames at a time.

    ``act_scales``, ``score_scale``: real values of one step.

    Raises:
        UnsupportedModelError: the file has another number of activation quantisers.
    """

    def __init__(
        self, path: Path, act_scales: Sequence[float], score_scale: float, *, batch: int = BATCH
    ) -> None:
        model = ModelWrapper(str(path))
        self._model = model.transform(ChangeBatchSize(batch)).transform(InferShapes())
        self._batch = batch
        self.layers = tuple(
            node.output[0]
            for node in in_order_of_execution(self._model)
            if node.op_type in _QUANTISERS and self._model.get_initializer(node.input[0]) is None
        )
        if len(self.layers) != len(act_scales):
            raise UnsupportedModelError(
                f"{path}: {len(self.layers)} activation quantisers, expected {len(act_scales)}"
            )
        self._scales = {**dict(zip(self.layers, act_scales, strict=True)), OUTPUT: score_scale}

    def trace(self, frames: NDArray[np.uint8]) -> Trace:
        """Return the integers of ``frames`` (N, H, W, C)."""
        codes = to_codes(frames).numpy()
        parts = [
            self._run(codes[first : first + self._batch])
            for first in range(0, len(codes), self._batch)
        ]
        values = {name: np.concatenate([part[name] for part in parts]) for name in self._scales}
        return Trace(tuple(values[name] for name in self.layers), values[OUTPUT], self.layers)

    def _run(self, codes: NDArray[np.float32]) -> dict[str, NDArray[np.int32]]:
        """Return the integers of at most one batch; one that is not full is filled up."""
        missing = self._batch - len(codes)
        filled = np.concatenate([codes, np.repeat(codes[-1:], missing, axis=0)])
        context = execute_onnx(self._model, {INPUT: filled}, return_full_exec_context=True)
        return {
            name: to_integers(context[name][: len(codes)], scale, what=name)
            for name, scale in self._scales.items()
        }


def in_order_of_execution(model: ModelWrapper) -> list[NodeProto]:
    """Return the nodes as the network ran them: first operand, second operand, operator.

    qonnx sorts the nodes of a file level by level, which mixes the branches of a residual block.
    """
    ordered: list[NodeProto] = []
    seen: set[str] = set()
    waiting = [(model.graph.output[0].name, False)]
    while waiting:
        tensor, ready = waiting.pop()
        node = model.find_producer(tensor)
        if node is None or (tensor in seen and not ready):
            continue
        if ready:
            ordered.append(node)
            continue
        seen.add(tensor)
        waiting.append((tensor, True))
        waiting += [(operand, False) for operand in reversed(node.input)]
    return ordered


def compare(link: str, expected: Trace, got: Trace, *, ties: int) -> tuple[Link, ...]:
    """Return the links ``<link> activations`` and ``<link> scores`` after comparing every integer.

    Raises:
        VerificationError: naming the first frame whose scores differ, or else whose activations do.
    """
    comparison = Comparison(link)
    comparison.add(expected, got, ties=ties)
    return comparison.close()


class Comparison:
    """Compares two traces batch by batch: links ``<link> activations`` and ``<link> scores``."""

    def __init__(self, link: str) -> None:
        self.activations, self.scores = Tally(f"{link} activations"), Tally(f"{link} scores")
        self.ties = self._frames = 0

    def add(self, expected: Trace, got: Trace, *, ties: int = 0) -> None:
        """Compare the traces of the next frames; layers are called as in ``expected``."""
        pairs = zip(expected.layers, expected.activations, got.activations, strict=True)
        self.activations.add(pairs, start=self._frames)
        self.scores.add([("", expected.scores, got.scores)], start=self._frames)
        self._frames += len(expected.scores)
        self.ties += ties

    def close(self) -> tuple[Link, Link]:
        """Return both links.

        Raises:
            VerificationError: as ``compare``.
        """
        scores = self.scores.close()
        return self.activations.close(ties=self.ties), scores


@contextmanager
def _hooked(hooks: Sequence[tuple[torch.nn.Module, Callable[..., None]]]) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module, hook in hooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
