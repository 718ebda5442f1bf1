"""Integer networks with random weights, built layer by layer, bounds computed exactly.

Thresholds are drawn from what random frames give, so that activations and scores vary.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hwflow.config.accelerator import DESIGN_FILE, Accelerator
from hwflow.config.folding import Folding
from hwflow.dataflow import finn
from hwflow.dataflow.folding import read_plan
from hwflow.dataflow.folding.space import Space, space_of
from hwflow.dataflow.stage import (
    GRAPHS,
    StageConfig,
    build_stage,
    connected,
    generate,
    to_layers,
)
from hwflow.lower.evaluate import apply
from hwflow.lower.network import (
    Add,
    Affine,
    Conv,
    Depthwise,
    MaxPool,
    Network,
    Pad,
    Reshape,
    SumPool,
    Tensor,
    Threshold,
)

FoldStage = Callable[[Space], Folding]


class Builder:
    """Appends layers to a network; each method returns the name of its output tensor."""

    def __init__(self, shape, *, signed: bool = False, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        low, high = (-128, 127) if signed else (0, 255)
        self.input = Tensor("frame", shape, low, high)
        self.tensors = {"frame": self.input}
        self.layers: list = []
        self.values = {"frame": self.random.integers(low, high + 1, size=(6, *shape))}

    def _append(self, cls, inputs, shape, low, high, *, bipolar=False, **values) -> str:
        name = f"{cls.kind.replace('-', '_')}{len(self.layers)}"
        output = Tensor(f"{name}_out", tuple(map(int, shape)), int(low), int(high), bipolar)
        layer = cls(name=name, source=f"node {name}", inputs=tuple(inputs), output=output, **values)
        self.layers.append(layer)
        self.tensors[output.name] = output
        self.values[output.name] = apply(layer, self.values)
        return output.name

    def _weights(self, shape, bits):
        if bits == 1:
            return self.random.choice(np.array([-1, 1]), size=shape)
        limit = 2 ** (bits - 1)
        weights = self.random.integers(-limit, limit, size=shape)
        weights.flat[0] = -limit  # the code that narrow-range weights leave out
        return weights

    def pad(self, x, pads=(1, 1, 1, 1), value=None) -> str:
        t = self.tensors[x]
        value = (-1 if t.bipolar else 0) if value is None else value
        height, width, channels = t.shape
        shape = (height + pads[0] + pads[2], width + pads[1] + pads[3], channels)
        low, high = min(t.low, value), max(t.high, value)
        return self._append(Pad, [x], shape, low, high, bipolar=t.bipolar, pads=pads, value=value)

    def conv(self, x, channels, kernel=(3, 3), *, bits=1, stride=(1, 1), dilation=(1, 1)) -> str:
        t = self.tensors[x]
        weights = self._weights((channels, *kernel, t.shape[2]), bits)
        low, high = _range(weights.reshape(channels, -1), t)
        shape = (*_map(t.shape, kernel, stride, dilation), channels)
        return self._append(
            Conv, [x], shape, low, high, weights=weights, stride=stride, dilation=dilation
        )

    def depthwise(self, x, kernel=(3, 3), *, bits=4, stride=(1, 1)) -> str:
        t = self.tensors[x]
        channels = t.shape[2]
        weights = self._weights((channels, *kernel), bits)
        low, high = _range(weights.reshape(channels, -1), t)
        shape = (*_map(t.shape, kernel, stride, (1, 1)), channels)
        return self._append(Depthwise, [x], shape, low, high, weights=weights, stride=stride)

    def threshold(self, x, bits=1, *, low=0, steps=None, linear=False) -> str:
        """``bits`` 1: bipolar; ``steps``: thresholds, by default all that ``bits`` allow.

        ``linear``: evenly spaced, as a requantiser gives them.
        """
        t = self.tensors[x]
        channels = t.shape[2]
        count = 1 if bits == 1 else 2**bits - 1 if steps is None else steps
        values = self.values[x].reshape(-1, channels)
        if linear:
            # floor((value · gain + bias) / 2^shift) over about six standard deviations.
            step = max(1.0, values.std() * 6 / count)
            shift = int(np.ceil(np.log2(step * 64)))
            gain = (2**shift / step * self.random.uniform(0.8, 1.2, (channels, 1))).astype(int)
            bias = (count // 2 << shift) + self.random.integers(0, 1 << shift, (channels, 1))
            levels = np.arange(1, count + 1) << shift
            thresholds = -((bias - levels) // gain)
        else:
            places = self.random.uniform(0.1, 0.9, (channels, count))
            thresholds = np.sort(
                [np.quantile(values[:, c], places[c]).round() for c in range(channels)]
            )
        thresholds = np.clip(thresholds, t.low, t.high + 1).astype(np.int64)
        if bits == 1:
            return self._append(Threshold, [x], t.shape, -1, 1, bipolar=True, thresholds=thresholds)
        return self._append(Threshold, [x], t.shape, low, low + count, thresholds=thresholds)

    def max_pool(self, x, kernel=(2, 2), stride=None) -> str:
        t = self.tensors[x]
        stride = stride or kernel
        shape = (*_map(t.shape, kernel, stride, (1, 1)), t.shape[2])
        return self._append(
            MaxPool, [x], shape, t.low, t.high, bipolar=t.bipolar, kernel=kernel, stride=stride
        )

    def sum_pool(self, x, kernel, stride=None) -> str:
        t = self.tensors[x]
        stride, terms = stride or kernel, kernel[0] * kernel[1]
        shape = (*_map(t.shape, kernel, stride, (1, 1)), t.shape[2])
        return self._append(
            SumPool, [x], shape, terms * t.low, terms * t.high, kernel=kernel, stride=stride
        )

    def add(self, a, b, factors=(1, 1)) -> str:
        ends = [
            sorted((factor * self.tensors[x].low, factor * self.tensors[x].high))
            for x, factor in zip((a, b), factors, strict=True)
        ]
        low, high = (sum(pair) for pair in zip(*ends, strict=True))
        return self._append(Add, [a, b], self.tensors[a].shape, low, high, factors=factors)

    def affine(self, x) -> str:
        t = self.tensors[x]
        channels = t.shape[2]
        multiplier = self.random.integers(1, 5, channels)
        offset = self.random.integers(-50, 50, channels)
        ends = [multiplier * t.low + offset, multiplier * t.high + offset]
        return self._append(
            Affine,
            [x],
            t.shape,
            min(0, ends[0].min()) - 1,
            ends[1].max(),
            multiplier=multiplier,
            offset=offset,
        )

    def flatten(self, x) -> str:
        t = self.tensors[x]
        size = int(np.prod(t.shape))
        return self._append(Reshape, [x], (1, 1, size), t.low, t.high, bipolar=t.bipolar)

    def scores(self, x, classes, *, bits=1) -> str:
        if self.tensors[x].shape[:2] != (1, 1):
            x = self.flatten(x)
        return self.conv(x, classes, (1, 1), bits=bits)

    def network(self, scores: str) -> Network:
        return Network("net", self.input, tuple(self.layers), scores, score_scale=0.125)


def _range(rows, t: Tensor) -> tuple[int, int]:
    """The ends of the dot products of ``rows`` with values of ``t``."""
    positive, negative = np.maximum(rows, 0).sum(axis=1), np.minimum(rows, 0).sum(axis=1)
    return (
        min(-1, int((positive * t.low + negative * t.high).min())),
        max(0, int((positive * t.high + negative * t.low).max())),
    )


def _map(shape, kernel, stride, dilation) -> tuple[int, int]:
    return tuple(
        (size - (k - 1) * d - 1) // s + 1
        for size, k, s, d in zip(shape[:2], kernel, stride, dilation, strict=True)
    )


def binary() -> Network:
    b = Builder((8, 8, 2), seed=1)
    x = b.threshold("frame")
    x = b.threshold(b.conv(b.pad(x), 6))
    x = b.threshold(b.conv(b.max_pool(x), 8, (2, 2)))
    x = b.threshold(b.conv(b.flatten(x), 12, (1, 1)))
    return b.network(b.scores(x, 5))


def residual(bits: int = 4) -> Network:
    """A block with a shortcut, a strided one with a 1 × 1 convolution beside it, a global sum."""
    b = Builder((10, 8, 3), seed=2)
    x = b.threshold(b.conv(b.pad("frame"), 4, bits=bits), bits)
    y = b.threshold(b.conv(b.pad(x), 4, bits=bits), bits)
    y = b.threshold(b.conv(b.pad(y), 4, bits=bits), bits, low=-3)
    x = b.threshold(b.add(y, x, (1, 2)), bits)
    y = b.threshold(b.conv(b.pad(x), 8, bits=bits, stride=(2, 2)), bits)
    x = b.threshold(b.conv(x, 8, (1, 1), bits=bits, stride=(2, 2)), bits)
    x = b.threshold(b.add(y, x), bits)
    x = b.sum_pool(x, (5, 4))
    return b.network(b.affine(b.scores(x, 5, bits=bits)))


def separable() -> Network:
    b = Builder((9, 9, 3), signed=True, seed=3)
    x = b.threshold(b.conv(b.pad("frame"), 6, bits=4, stride=(2, 2)), 4)
    x = b.threshold(b.depthwise(b.pad(x)), 4)
    x = b.threshold(b.conv(x, 8, (1, 1), bits=4), 4, steps=9)
    x = b.threshold(b.depthwise(b.pad(x, (0, 1, 1, 0)), stride=(2, 2)), 4)
    return b.network(b.scores(b.max_pool(x, (2, 2), (1, 1)), 4, bits=4))


def one_dimensional() -> Network:
    b = Builder((1, 40, 2), seed=4)
    x = b.threshold(b.conv(b.pad("frame", (0, 4, 0, 4)), 6, (1, 9), bits=3, stride=(1, 2)), 3)
    x = b.max_pool(x, (1, 3), (1, 2))
    x = b.threshold(b.conv(x, 6, (1, 3), bits=3, dilation=(1, 2)), 3)
    x = b.threshold(b.depthwise(x, (1, 3), bits=3), 3)
    return b.network(b.scores(x, 4, bits=3))


def wide() -> Network:
    """8 bits, whose activations are requantised."""
    b = Builder((8, 8, 1), seed=5)
    x = b.threshold(b.conv("frame", 4, bits=8), 8, linear=True)
    x = b.threshold(b.conv(b.max_pool(x), 6, (2, 2), bits=8), 8, linear=True)
    return b.network(b.scores(x, 5, bits=8))


NETWORKS = {
    "binary": binary,
    "residual": residual,
    "separable": separable,
    "one-dimensional": one_dimensional,
    "wide": wide,
}


def write_stage(
    network: Network, folder: Path, *, target: int | str = "auto", fold: FoldStage | None = None
) -> Path:
    """Build the one stage of ``network`` into ``folder``, as far as simulating it alone needs.

    ``fold``: chooses the folding, instead of ``target``.
    """
    frame_bytes, beat_bytes = int(np.prod(network.input.shape)), 8
    with TemporaryDirectory() as scratch, finn.session(Path(scratch) / "finn") as running:
        config = StageConfig(
            "stage0",
            "xc7z020clg400-1",
            10.0,
            target,
            frame_beats=-(-frame_bytes // beat_bytes),
            beat_bytes=beat_bytes,
        )
        if fold is None:
            stage = build_stage(network, config, folder, running)
        else:
            graphs = folder / GRAPHS / "stage0"
            model = to_layers(network, graphs)
            plan = read_plan([model], fold(space_of([model])), source="test")
            model = connected(model, plan, 0, config, graphs=graphs)
            stage = generate(model, config, folder, running)
    accelerator = Accelerator(
        schema_version=1,
        name=network.name,
        top=stage.hardware.top,
        part="xc7z020clg400-1",
        clk_period_ns=10.0,
        sources=stage.sources,
        bundle="",
        registers="",
        frame_bytes=frame_bytes,
        frame_beat_bytes=beat_bytes,
        classes=network.classes,
        stages=(stage.hardware,),
        threshold_int=(),
        retention_frames=(),
        queue_frames=(),
        reorder_frames=0,
        last_frames=32,
    )
    (folder / DESIGN_FILE).write_text(accelerator.model_dump_json(indent=2))
    return folder


def random_frames(network: Network, count: int, *, seed: int = 0) -> np.ndarray:
    """Return frames (N, H, W, C) uint8: all 0, all 255, then noise."""
    frames = np.random.default_rng(seed).integers(
        0, 256, (count, *network.input.shape), dtype=np.uint8
    )
    frames[0], frames[1] = 0, 255
    return frames
