"""Equality of the exported QONNX with the trained network, on every integer of every test frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
from hwflow.errors import UnsupportedModelError, VerificationError
from hwflow.export.freeze import FrozenUnit
from hwflow.export.qonnx_file import INPUT, OUTPUT
from hwflow.nets import StageNet
from hwflow.train import real_scores, to_codes

BATCH = 90
_QUANTISERS = ("Quant", "BipolarQuant")


@dataclass(frozen=True)
class Trace:
    """Integers of one network over N frames.

    ``activations``: per quantiser (N, ...) int32 codes, in order; ``scores``: (N, classes) int32.
    """

    activations: tuple[NDArray[np.int32], ...]
    scores: NDArray[np.int32]


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
    return Trace(codes, to_integers(real, network.score_scale, what="scores")), sum(ties)


def act_scales(network: StageNet) -> list[float]:
    """Return the real value of one step of each activation, in order of execution."""
    return [act.value for act in network.activations()]


def score_network(network: StageNet, frames: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the integer scores (N, classes) of the frozen ``network`` on ``frames``."""
    return to_integers(real_scores(network, frames), network.score_scale, what="scores")


class QonnxFile:
    """A QONNX file as qonnx executes it, batch by batch."""

    def __init__(self, path: Path, *, act_scales: Sequence[float], score_scale: float) -> None:
        """Open the file at ``path``, whose quantisers and scores have steps of these values.

        Raises:
            UnsupportedModelError: it has another number of activation quantisers.
        """
        self._model = ModelWrapper(str(path))
        self._by_size: dict[int, ModelWrapper] = {}
        quantised = [
            node.output[0]
            for node in in_order_of_execution(self._model)
            if node.op_type in _QUANTISERS and self._model.get_initializer(node.input[0]) is None
        ]
        if len(quantised) != len(act_scales):
            raise UnsupportedModelError(
                f"{path}: {len(quantised)} activation quantisers, expected {len(act_scales)}"
            )
        self._acts = tuple(zip(quantised, act_scales, strict=True))
        self._score_scale = score_scale

    def trace(self, frames: NDArray[np.uint8]) -> Trace:
        """Return the integers of ``frames``, (N, H, W, C), executed as one batch."""
        context = execute_onnx(
            self._sized(len(frames)),
            {INPUT: to_codes(frames).numpy()},
            return_full_exec_context=True,
        )
        return Trace(
            tuple(to_integers(context[name], scale, what=name) for name, scale in self._acts),
            to_integers(context[OUTPUT], self._score_scale, what=OUTPUT),
        )

    def _sized(self, batch: int) -> ModelWrapper:
        if batch not in self._by_size:
            sized = self._model.transform(ChangeBatchSize(batch))
            self._by_size[batch] = sized.transform(InferShapes())
        return self._by_size[batch]


def batches(frames: NDArray[np.uint8]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield all of ``frames`` in order, some at a time, each with the number of its first one."""
    for first in range(0, len(frames), BATCH):
        yield first, frames[first : first + BATCH]


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


def compare(
    link: str, expected: Trace, got: Trace, *, ties: int, first: int = 0
) -> tuple[Link, Link]:
    """Return the links ``<link> activations`` and ``<link> scores`` after comparing every integer.

    ``first``: number of the first frame, where these are a part of more.

    Raises:
        VerificationError: naming the first frame whose scores differ, or else whose activations do.
    """
    scores = Link(
        link=f"{link} scores",
        compared=_equal(f"{link} scores", [expected.scores], [got.scores], first),
        mismatches=0,
        ties=0,
    )
    activations = Link(
        link=f"{link} activations",
        compared=_equal(f"{link} activations", expected.activations, got.activations, first),
        mismatches=0,
        ties=ties,
    )
    return activations, scores


def _equal(
    link: str,
    expected: Sequence[NDArray[np.int32]],
    got: Sequence[NDArray[np.int32]],
    offset: int,
) -> int:
    compared = sum(part.size for part in expected)
    differing = [left != right for left, right in zip(expected, got, strict=True)]
    mismatches = sum(int(part.sum()) for part in differing)
    if mismatches == 0:
        return compared
    first = [int(np.argmax(part.reshape(len(part), -1).any(axis=1))) for part in differing]
    part = min(
        (index for index, wrong in enumerate(differing) if wrong.any()), key=lambda i: first[i]
    )
    frame = first[part]
    wrong = differing[part][frame]
    raise VerificationError(
        link,
        compared=compared,
        mismatches=mismatches,
        sample=offset + frame,
        expected=_excerpt(expected[part][frame], wrong),
        got=_excerpt(got[part][frame], wrong),
    )


def joined(parts: Iterable[Link]) -> Link:
    """Return one link for the same link over several parts of the frames."""
    first, *others = parts
    return first.model_copy(
        update={
            name: sum((getattr(each, name) for each in others), getattr(first, name))
            for name in ("compared", "mismatches", "ties")
        }
    )


def _excerpt(values: NDArray[np.int32], wrong: NDArray[np.bool_]) -> str:
    """Return a whole score vector, or the first differing values of something longer."""
    if values.ndim == 1 and values.size <= 16:
        return str(values.tolist())
    places = np.argwhere(wrong)[:4]
    return ", ".join(f"{values[tuple(place)]} at {tuple(place.tolist())}" for place in places)


@contextmanager
def _hooked(hooks: Sequence[tuple[torch.nn.Module, Callable[..., None]]]) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module, hook in hooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
