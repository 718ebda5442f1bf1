"""Makes a one-stage bundle of a quantised ONNX file that anybody trained."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.decision import run_cascade
from hwflow.config.bundle import (
    BUNDLE_FILE,
    GOLDEN_FILE,
    Accuracy,
    Bundle,
    BundleInput,
    CascadeMetrics,
    Link,
    Policy,
    StageModel,
    sha256,
)
from hwflow.config.design import GoldenFrames, InputFormat
from hwflow.config.npz import write_npz
from hwflow.cost import LayerCost, total
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.lower.compare import check_qonnx
from hwflow.lower.evaluate import evaluate
from hwflow.lower.external import embed
from hwflow.lower.frames import make_frames, read_frames
from hwflow.lower.lowering import InputSpec, lower, resolve_input
from hwflow.lower.network import Conv, Depthwise, Network
from hwflow.lower.read import read

STAGE_FILE = "stage0.onnx"
_TOOLS = ("hwflow", "qonnx", "onnx", "onnxruntime", "numpy")


def write_bundle(
    model: Path,
    out_dir: Path,
    *,
    name: str,
    input_format: InputFormat,
    golden: GoldenFrames,
    frames_file: Path | None = None,
    progress: Progress = silent,
) -> Bundle:
    """Write a one-stage bundle of the ONNX file ``model`` to the folder ``out_dir``.

    Its golden integers are those of the integer network; the file's own float execution of the
    first ``golden.against_file`` frames is compared with them, activation by activation.
    ``frames_file``: frames to use instead of random ones; see ``read_frames``.

    Raises:
        ConfigError: a file is missing or damaged.
        UnsupportedModelError: naming what hwflow cannot turn into exact integers.
        VerificationError: the file computes something else than the integer network.
    """
    progress("read", 0, 3)
    graph = read(model)
    spec = InputSpec(input_format.dtype, input_format.scale, input_format.shift)
    network = lower(graph, spec)
    resolved = resolve_input(graph, spec)
    label = None
    if frames_file is None:
        frames = make_frames(network, golden.count, seed=golden.seed)
    else:
        frames, label = read_frames(frames_file, network.input.shape)
        if label is not None and not 0 <= label.min() <= label.max() < network.classes:
            raise ConfigError(
                f"{frames_file}: expected labels of 0 … {network.classes - 1}, got "
                f"{label.min()} … {label.max()}"
            )
    progress("golden integers", 1, 3)
    scores = evaluate(network, frames)
    progress("compare with the file", 2, 3)
    links = check_qonnx(model, graph, network, spec, frames[: golden.against_file])
    out_dir.mkdir(parents=True, exist_ok=True)
    embed(model, out_dir / STAGE_FILE)
    accuracy = _write_golden(out_dir / GOLDEN_FILE, frames, scores, label)
    stage = _stage(network, out_dir, links, accuracy)
    bundle = Bundle(
        schema_version=1,
        name=name,
        dataset="random" if frames_file is None else frames_file.name,
        input=BundleInput(
            shape=network.input.shape,
            dtype="int8" if network.input.signed else "uint8",
            scale=resolved.scale,
            shift=resolved.shift,
        ),
        classes=tuple(str(index) for index in range(network.classes)),
        stages=(stage,),
        policy=Policy(score="margin", threshold_int=(), calibration=None),
        cascade=None
        if accuracy is None
        else CascadeMetrics(accuracy=accuracy, exit_rate=(1.0,), avg_bops=stage.bops),
        exactness=tuple(links),
        golden_sha256=sha256(out_dir / GOLDEN_FILE),
        provenance={
            "model": model.name,
            "input": resolved.reason,
            **{tool: version(tool) for tool in _TOOLS},
        },
    )
    (out_dir / BUNDLE_FILE).write_text(bundle.model_dump_json(indent=2) + "\n", encoding="utf-8")
    progress("bundle", 3, 3)
    return bundle


def _write_golden(
    path: Path,
    frames: NDArray[np.uint8],
    scores: NDArray[np.int64],
    label: NDArray[np.int64] | None,
) -> Accuracy | None:
    """Write the golden file; return the accuracy where ``label`` (N,) is known."""
    result = run_cascade([scores], ())
    arrays: dict[str, NDArray[np.generic]] = {
        "frames": frames,
        "scores_0": scores.astype(np.int32),
        "prediction": result.prediction.astype(np.int32),
        "exit_stage": result.exit_stage.astype(np.int32),
        "margin": result.margin.astype(np.int64),
    }
    if label is not None:
        arrays["label"] = label.astype(np.uint16)
    write_npz(path, arrays)
    if label is None:
        return None
    right = float(np.mean(result.prediction == label))
    return Accuracy(split="test", n=len(label), value=right)


def _stage(
    network: Network, folder: Path, links: tuple[Link, ...], accuracy: Accuracy | None
) -> StageModel:
    costs = tuple(layer_costs(network))
    cost = total(costs)
    return StageModel(
        name="stage0",
        qonnx=STAGE_FILE,
        sha256=sha256(folder / STAGE_FILE),
        score_bits=max(2, network.tensors[network.scores].bits),
        score_scale=network.score_scale,
        score_offset=network.score_offset,
        weight_bit_width=tuple(layer.weight_bit_width for layer in costs),
        act_bit_width=tuple(layer.act_bit_width for layer in costs),
        params=cost.params,
        macs=cost.macs,
        bops=cost.bops,
        pruned=0.0,
        accuracy=accuracy,
    )


def layer_costs(network: Network) -> Iterator[LayerCost]:
    """Yield the cost of each weight layer, in order."""
    tensors = network.tensors
    for layer in network.layers:
        if not isinstance(layer, Conv | Depthwise):
            continue
        height, width, channels = layer.output.shape
        weights = layer.weights
        yield LayerCost(
            name=layer.name,
            fan_in=int(np.prod(weights.shape[1:])),
            outputs=channels,
            pixels=height * width,
            weight_bit_width=weight_bits(weights),
            act_bit_width=tensors[layer.inputs[0]].bits,
        )


def weight_bits(weights: NDArray[np.int64]) -> int:
    """Return 1 for ±1, else the bits of two's complement integers that hold ``weights``."""
    low, high = int(weights.min()), int(weights.max())
    if np.all(np.abs(weights) == 1):
        return 1
    return max((-low - 1).bit_length() if low < 0 else 0, max(high, 0).bit_length()) + 1
