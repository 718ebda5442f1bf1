"""A builder of small QONNX files, operator by operator, and what qonnx makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from hwflow.config.bundle import Link
from hwflow.lower.compare import check_qonnx
from hwflow.lower.evaluate import evaluate
from hwflow.lower.lowering import InputSpec, lower, resolve_input
from hwflow.lower.lowering.lower import AUTO
from hwflow.lower.network import Network
from hwflow.lower.read import read

QONNX = "qonnx.custom_op.general"


class Chain:
    """Operators one behind the other; ``at`` is the tensor that the next one reads.

    ``shape``: of a frame, (C, H, W) or (K,). Branches start by setting ``at`` back.
    """

    def __init__(self, *shape: int, seed: int = 0, opset: int = 13, qonnx: int = 1) -> None:
        self.shape = shape
        self.random = np.random.default_rng(seed)
        self.opsets = [helper.make_opsetid("", opset), helper.make_opsetid(QONNX, qonnx)]
        self.nodes: list = []
        self.constants: list = []
        self.at = "global_in"

    def const(self, value, kind=np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def op(self, kind: str, *inputs: str, **attributes) -> Chain:
        """Append ``kind`` of ``at`` and ``inputs``."""
        return self.node(kind, self.at, *inputs, **attributes)

    def node(self, kind: str, *inputs: str, **attributes) -> Chain:
        domain = QONNX if kind in ("Quant", "BipolarQuant", "Trunc") else ""
        name = f"{kind}_{len(self.nodes)}"
        self.at = f"t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(kind, list(inputs), [self.at], name=name, domain=domain, **attributes)
        )
        return self

    def quant(
        self, scale=0.25, *, zero=0.0, bits=4, signed=0, narrow=0, rounding="ROUND", of=None
    ) -> Chain:
        parameters = [self.const(value) for value in (scale, zero, bits)]
        return self.node(
            "Quant",
            of or self.at,
            *parameters,
            signed=signed,
            narrow=narrow,
            rounding_mode=rounding,
        )

    def bipolar(self, scale=1.0) -> Chain:
        return self.op("BipolarQuant", self.const(scale))

    def weights(self, *shape: int, bits=4, scale=0.25, values=None, **quant) -> str:
        """Return the name of quantised weights, random integers of ``bits`` unless ``values``."""
        here = self.at
        if bits == 1:
            floats = self.random.choice([-1.0, 1.0], shape) if values is None else values
            self.node("BipolarQuant", self.const(floats), self.const(scale))
        else:
            high = 2 ** (bits - 1) - 1
            integers = self.random.integers(-high, high + 1, shape) if values is None else values
            self.quant(
                scale, of=self.const(integers * np.float32(scale)), bits=bits, signed=1, **quant
            )
        name, self.at = self.at, here
        return name

    def conv(self, weights: str, kernel=(3, 3), *, pads=(0,) * 4, stride=(1, 1), group=1) -> Chain:
        return self.op(
            "Conv",
            weights,
            kernel_shape=list(kernel),
            strides=list(stride),
            pads=list(pads),
            dilations=[1] * len(kernel),
            group=group,
        )

    def norm(self, gamma, beta, mean=0.0, variance=1.0) -> Chain:
        """Append a batch norm whose factor is exactly ``gamma`` where ``variance`` is 1."""
        gamma = np.asarray(gamma, np.float32)
        others = (np.broadcast_to(value, gamma.shape) for value in (beta, mean, variance))
        names = [self.const(value) for value in (gamma, *others)]
        return self.op("BatchNormalization", *names, epsilon=0.0)

    def scores(self, features: int, classes: int, **weights) -> Chain:
        """Flatten and append a fully connected layer."""
        self.op("Flatten", axis=1)
        return self.op("MatMul", self.weights(features, classes, **weights))

    def save(self, folder: Path) -> Path:
        path = folder / "model.onnx"
        graph = helper.make_graph(
            self.nodes,
            "chain",
            [helper.make_tensor_value_info("global_in", TensorProto.FLOAT, [1, *self.shape])],
            [helper.make_tensor_value_info(self.at, TensorProto.FLOAT, None)],
            initializer=self.constants,
        )
        save(helper.make_model(graph, opset_imports=self.opsets, ir_version=8), path)
        return path


def frames_of(network: Network, count: int = 24, seed: int = 0) -> np.ndarray:
    """Return random frames (N, H, W, C) uint8, and the extreme ones."""
    random = np.random.default_rng(seed)
    frames = random.integers(0, 256, (count, *network.input.shape), dtype=np.uint8)
    frames[0], frames[1], frames[2], frames[3] = 0, 255, 127, 128
    frames[4] = np.where(random.random(network.input.shape) < 0.5, 0, 255)
    return frames


def run_qonnx(path: Path, network: Network, spec: InputSpec, frames: np.ndarray) -> np.ndarray:
    """Return the first output (N, K) of the file at ``path``, executed by qonnx."""
    resolved = resolve_input(read(path), spec)
    if network.input.signed:
        frames = frames.view(np.int8)
    maps = (frames * np.array(resolved.scale) + np.array(resolved.shift)).astype(np.float32)
    model = ModelWrapper(str(path)).transform(InferShapes())
    shape = model.get_tensor_shape("global_in")
    rows = [
        execute_onnx(
            model, {"global_in": np.ascontiguousarray(frame.transpose(2, 0, 1)).reshape(shape)}
        )
        for frame in maps
    ]
    return np.stack([next(iter(row.values())).reshape(-1) for row in rows])


def exact(chain: Chain, folder: Path, spec: InputSpec = AUTO, count: int = 12) -> Network:
    """Return the network of ``chain``, whose scores are the file's own, bit for bit."""
    network, scores = compare_exactly(chain, folder, spec, count)
    assert len(np.unique(scores, axis=0)) > 1, "a network that answers all frames alike"
    return network


def compare_exactly(
    chain: Chain, folder: Path, spec: InputSpec = AUTO, count: int = 12
) -> tuple[Network, np.ndarray]:
    """Return the network of ``chain`` and its scores, compared with the file's own; no ties."""
    path = chain.save(folder)
    network = lower(read(path), spec)
    frames = frames_of(network, count)
    scores = evaluate(network, frames)
    expected = run_qonnx(path, network, spec, frames)
    np.testing.assert_array_equal(scores * network.score_scale + network.score_offset, expected)
    assert all(link.ties == 0 for link in links(path, spec, frames))
    return network, scores


def links(path: Path, spec: InputSpec, frames: np.ndarray) -> tuple[Link, ...]:
    """Return the links between the file and its network; raises where these differ."""
    graph = read(path)
    return check_qonnx(path, graph, lower(graph, spec), spec, frames)
