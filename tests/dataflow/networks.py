"""Small QONNX networks with random weights, made without training, and bundles of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from hwflow.cascade.decision import run_cascade, top2
from hwflow.config.bundle import (
    BUNDLE_FILE,
    GOLDEN_FILE,
    Bundle,
    BundleInput,
    Policy,
    StageModel,
    sha256,
)
from hwflow.config.design import Design, TargetCycles

QONNX = "qonnx.custom_op.general"


@dataclass
class Net:
    """A QONNX chain under construction: NCHW, integers times dyadic scales.

    ``binary``: ±1 weights and activations behind the 8-bit input; else 8-bit both. Affine layers
    follow the half-grid rule, so that no tie can occur.
    """

    shape: tuple[int, int, int]  # height, width, channels
    binary: bool
    seed: int
    nodes: list = field(default_factory=list)
    weights: list = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.height, self.width, self.channels = self.shape
        self.features = 0
        self.activated = False
        self.tensor = "global_in"
        self.scale = 1.0  # value of an input integer of 1

    def _constant(self, value) -> str:
        name = f"c{len(self.weights)}"
        array = np.asarray(value, dtype=np.float32)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def _node(self, op: str, *inputs: str, domain: str = "", **attributes) -> str:
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [output], domain=domain, **attributes))
        return output

    def _weight(self, shape: tuple[int, ...]) -> tuple[str, float]:
        outputs = 0 if len(shape) == 4 else 1
        others = tuple(axis for axis in range(len(shape)) if axis != outputs)
        if self.binary:
            values = self.random.choice([-1.0, 1.0], size=shape)
            self.weight_sums = values.sum(axis=others)
            out = self._node(
                "BipolarQuant", self._constant(values), self._constant(1.0), domain=QONNX
            )
            return out, 1.0
        scale = 2.0**-7
        values = self.random.integers(-127, 128, size=shape) * scale
        self.weight_sums = values.sum(axis=others)
        args = [self._constant(value) for value in (scale, 0.0, 8.0)]
        out = self._node(
            "Quant",
            self._constant(values),
            *args,
            domain=QONNX,
            signed=1,
            narrow=1,
            rounding_mode="ROUND",
        )
        return out, scale

    def conv(self, channels: int, *, kernel: int = 3, stride: int = 1, pads: int = 0) -> Net:
        weight, scale = self._weight((channels, self.channels, kernel, kernel))
        self.tensor = self._node(
            "Conv",
            self.tensor,
            weight,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[pads] * 4,
            dilations=[1, 1],
            group=1,
        )
        fan_in = self.channels * kernel * kernel
        self.channels = channels
        self.height = (self.height + 2 * pads - kernel) // stride + 1
        self.width = (self.width + 2 * pads - kernel) // stride + 1
        return self._activate(scale, fan_in, (1, channels, 1, 1))

    def pool(self, k: int = 2, **attributes) -> Net:
        values = {"kernel_shape": [k, k], "strides": [k, k], "pads": [0] * 4, **attributes}
        self.tensor = self._node("MaxPool", self.tensor, **values)
        self.height, self.width = self.height // k, self.width // k
        return self

    def linear(self, features: int) -> Net:
        fan_in, scale = self._flat_linear(features)
        return self._activate(scale, fan_in, (1, features))

    def scores(self, classes: int) -> Net:
        _, scale = self._flat_linear(classes)
        self.scale *= scale
        return self

    def _flat_linear(self, features: int) -> tuple[int, float]:
        if not self.features:
            self.tensor = self._node("Flatten", self.tensor, axis=1)
            self.features = self.channels * self.height * self.width
        fan_in = self.features
        weight, scale = self._weight((fan_in, features))
        self.tensor = self._node("MatMul", self.tensor, weight)
        self.features = features
        return fan_in, scale

    def _activate(self, weight_scale: float, fan_in: int, shape: tuple[int, ...]) -> Net:
        channels = max(shape)
        size = (channels,)
        # A power of two per channel that brings the usual sum to about 1, of either sign.
        spread = np.sqrt(fan_in) * (64 if not self.activated else 1 if self.binary else 64)
        spread *= 1 if self.binary else 48
        gain = 2.0 ** np.round(-np.log2(spread * self.scale * weight_scale))
        gains = gain * self.random.choice([-1.0, 1.0, 0.5], size=size)
        grid = np.abs(gains) * self.scale * weight_scale
        # Take the mean of the input out, so that activations depend on the frame.
        mean = 127.5 if self.scale == 1.0 and not self.activated else 0.0 if self.binary else 1.0
        offsets = self.random.uniform(-0.5, 0.5, size=size) - gains * mean * self.weight_sums
        offsets = (np.floor(offsets / grid) + 0.5) * grid
        self.activated = True
        out = self._node("Mul", self.tensor, self._constant(gains.reshape(shape)))
        out = self._node("Add", out, self._constant(offsets.reshape(shape)))
        if self.binary:
            out = self._node("BipolarQuant", out, self._constant(1.0), domain=QONNX)
            self.scale = 1.0
        else:
            self.scale = 2.0**-6
            args = [self._constant(value) for value in (self.scale, 0.0, 8.0)]
            out = self._node(
                "Quant",
                self._node("Relu", out),
                *args,
                domain=QONNX,
                signed=0,
                narrow=0,
                rounding_mode="ROUND",
            )
        self.tensor = out
        return self

    def save(self, path: Path) -> Path:
        height, width, channels = self.shape
        graph = helper.make_graph(
            self.nodes,
            "net",
            [
                helper.make_tensor_value_info(
                    "global_in", TensorProto.FLOAT, [1, channels, height, width]
                )
            ],
            [helper.make_tensor_value_info(self.tensor, TensorProto.FLOAT, [1, self.features])],
            initializer=self.weights,
        )
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid(QONNX, 1)]
        save(helper.make_model(graph, opset_imports=opsets), path)
        return path


def qonnx_scores(path: Path, frames: np.ndarray, scale: float) -> np.ndarray:
    """Return integer scores (N, classes) by executing the QONNX file."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    model = ModelWrapper(str(path)).transform(InferShapes())
    rows = []
    for frame in frames:
        image = frame.transpose(2, 0, 1)[np.newaxis].astype(np.float32)
        (row,) = execute_onnx(model, {"global_in": image}).values()
        rows.append(row[0] / scale)
    scores = np.stack(rows)
    assert np.array_equal(scores, np.rint(scores))
    return scores.astype(np.int32)


def write_bundle(folder: Path, nets: list[Net], frames: np.ndarray) -> Path:
    """Write a bundle of ``nets`` with golden scores of ``frames`` (N, H, W, C) uint8."""
    folder.mkdir(parents=True)
    stages, scores = [], []
    for index, net in enumerate(nets):
        path = net.save(folder / f"stage{index}.onnx")
        scores.append(qonnx_scores(path, frames, net.scale))
        stages.append(
            StageModel(
                name=f"stage{index}",
                qonnx=path.name,
                sha256=sha256(path),
                score_bits=32,
                score_scale=net.scale,
                weight_bit_width=(1 if net.binary else 8,),
                act_bit_width=(8,),
                params=1,
                macs=1,
                bops=8,
                pruned=0.0,
                accuracy=None,
            )
        )
    for score in scores:  # a network that answers all frames alike would prove nothing
        assert len(np.unique(score, axis=0)) > len(frames) // 2
    thresholds = [int(np.median(top2(score)[1])) for score in scores[:-1]]
    result = run_cascade(scores, thresholds)
    np.savez(
        folder / GOLDEN_FILE,
        frames=frames,
        label=np.zeros(len(frames), np.uint8),
        prediction=result.prediction.astype(np.int32),
        exit_stage=result.exit_stage.astype(np.int32),
        margin=result.margin,
        **{f"scores_{index}": score for index, score in enumerate(scores)},
    )
    bundle = Bundle(
        schema_version=1,
        name="tiny",
        dataset="random",
        input=BundleInput(shape=nets[0].shape, dtype="uint8"),
        classes=tuple(str(index) for index in range(scores[0].shape[1])),
        stages=tuple(stages),
        policy=Policy(score="margin", threshold_int=tuple(thresholds), calibration=None),
        cascade=None,
        exactness=(),
        golden_sha256=sha256(folder / GOLDEN_FILE),
        provenance={},
    )
    (folder / BUNDLE_FILE).write_text(bundle.model_dump_json(indent=2), encoding="utf-8")
    return folder


SHAPE = (8, 8, 2)


def tiny_design(*targets: int) -> Design:
    return Design(
        schema_version=1,
        name="tiny",
        board="pynq-z2",
        frame_beat_bytes=8,
        stages=tuple(TargetCycles(target_ii_cycles=target) for target in targets),
        escalation_rate=0.25,
        retention_frames="auto",
    )


def tiny_nets() -> list[Net]:
    binary = Net(SHAPE, binary=True, seed=3).conv(8).conv(16).pool().linear(24).scores(5)
    multi = Net(SHAPE, binary=False, seed=4).conv(4).pool().conv(6, kernel=2).scores(5)
    return [binary, multi]
