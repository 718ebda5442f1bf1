"""The link golden ↔ FINN graph: the hardware graph, executed in Python, on every frame."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.config.bundle import GOLDEN_FILE, Link, load_bundle
from hwflow.dataflow import finn
from hwflow.dataflow.backend import SCORE_SCALE
from hwflow.dataflow.stage import HARDWARE_GRAPH
from hwflow.dataflow.streams import CONVERTER, FIFO, stream_inputs
from hwflow.errors import ConfigError, VerificationError
from hwflow.log import Progress, silent

Model = Any
Scores = NDArray[np.int64]

# Nodes that hand their input on.
PASSING = frozenset({CONVERTER, FIFO})


def verify_graph(
    bundle_dir: Path, graphs_dir: Path, *, progress: Progress = silent
) -> tuple[Link, ...]:
    """Compare the integer scores of every golden frame; one link per stage.

    ``graphs_dir``: the accelerator's ``graphs`` folder. The graphs are those that the RTL was
    generated from, with their folding, converters and FIFOs.

    Raises:
        VerificationError: naming the first frame whose scores differ.
        ConfigError: a graph is missing, or scales its scores differently from the bundle.
    """
    bundle = load_bundle(bundle_dir)
    links = []
    with np.load(bundle_dir / GOLDEN_FILE) as golden:
        frames = golden["frames"]
        expected = [golden[f"scores_{index}"] for index in range(len(bundle.stages))]
    with (
        tempfile.TemporaryDirectory(prefix="hwflow-finn-") as scratch,
        finn.session(Path(scratch)),
    ):
        for index, stage in enumerate(bundle.stages):
            path = graphs_dir / f"stage{index}" / HARDWARE_GRAPH
            model = load_graph(path)
            _check_scale(model, path, stage.score_scale)
            got = execute(model, frames, progress=progress, what=f"stage{index}: FINN graph")
            links.append(compare(f"stage{index} qonnx-finn scores", expected[index], got))
    return tuple(links)


def load_graph(path: Path) -> Model:
    """Return the saved graph of an accelerator.

    Raises:
        ConfigError: there is none.
    """
    from qonnx.core.modelwrapper import ModelWrapper

    if not path.is_file():
        raise ConfigError(f"{path}: missing from the accelerator; run `hwflow build` again")
    return ModelWrapper(str(path))


def _check_scale(model: Model, path: Path, expected: float) -> None:
    """Integers only compare if both sides mean the same network output by 1."""
    scale = float(model.get_metadata_prop(SCORE_SCALE))
    if np.float32(scale) != np.float32(expected):  # QONNX holds scales as float32
        raise ConfigError(
            f"{path}: a score of 1 means {scale!r} of the network's output, the bundle says "
            f"{expected!r} (score_scale); export the bundle again"
        )


def execute(
    model: Model, frames: NDArray[np.integer], *, progress: Progress = silent, what: str = ""
) -> Scores:
    """Return (N, classes) integer scores of the hardware graph for ``frames`` (N, H, W, C) bytes.

    Must run inside ``hwflow.dataflow.finn.session``.

    Raises:
        VerificationError: as ``execute_all``.
    """
    sink = model.graph.output[0].name
    rows = []
    for index, context in enumerate(execute_all(model, frames)):
        rows.append(context[sink].reshape(-1).astype(np.int64))
        progress(what, index + 1, len(frames))
    return np.stack(rows)


def execute_all(
    model: Model, frames: NDArray[np.integer]
) -> Iterator[dict[str, NDArray[np.floating]]]:
    """Yield the value of every tensor (1, …) by name, frame by frame.

    Must run inside ``hwflow.dataflow.finn.session``. The layers run one by one here instead of in
    qonnx's executor, which rounds what is nearly an integer and clears up behind each node. Values
    start as float64 and stay exact; converters and FIFOs, which check for float32, pass them on.

    Raises:
        VerificationError: a layer gave a value that its stream's type cannot carry, so that the
            hardware would wrap where this execution does not.
    """
    from qonnx.core.datatype import DataType
    from qonnx.custom_op.registry import getCustomOp

    operators = [getCustomOp(node) for node in model.graph.node]
    inputs = [stream_inputs(model, node) for node in model.graph.node]
    for operator in operators:
        if "exec_mode" in operator.get_nodeattr_types():
            operator.set_nodeattr("exec_mode", "cppsim")
    source = model.graph.input[0].name
    if model.get_tensor_datatype(source) == DataType["INT8"]:
        frames = frames.astype(np.uint8).view(np.int8)
    context = model.make_empty_exec_context()
    for index, frame in enumerate(frames):
        context[source] = frame[np.newaxis].astype(np.float64)
        for operator, names in zip(operators, inputs, strict=True):
            node = operator.onnx_node
            for port, name in enumerate(names):  # a stream has no shape; its reader gives it one
                shape = [int(size) for size in operator.get_normal_input_shape(port)]
                context[name] = context[name].reshape(shape)
            if node.op_type in PASSING:
                context[node.output[0]] = context[node.input[0]]
            else:
                operator.execute_node(context, model.graph)
            for port, name in enumerate(node.output):
                _check_range(operator, port, context[name], index)
        yield context


def _check_range(operator: Any, port: int, values: NDArray[np.floating], frame: int) -> None:
    datatype = operator.get_output_datatype(port)
    wrong = (values < datatype.min()) | (values > datatype.max()) | (values != np.rint(values))
    if wrong.any():
        raise VerificationError(
            f"values of layer {operator.onnx_node.name}",
            compared=int(values.size),
            mismatches=int(wrong.sum()),
            sample=frame,
            expected=f"integers of type {datatype.name}",
            got=str(values[wrong][0]),
        )


def compare(link: str, expected: NDArray[np.integer], got: Scores) -> Link:
    """Return the link if ``got`` equals ``expected``, both (N, classes) integers.

    Raises:
        VerificationError: naming the first frame that differs.
    """
    assert expected.shape == got.shape, (link, expected.shape, got.shape)
    differ = expected != got
    if differ.any():
        frame = int(np.flatnonzero(differ.any(axis=1))[0])
        raise VerificationError(
            link,
            compared=int(got.size),
            mismatches=int(differ.sum()),
            sample=frame,
            expected=str(expected[frame].tolist()),
            got=str(got[frame].tolist()),
        )
    return Link(link=link, compared=int(got.size), mismatches=0, ties=0)
