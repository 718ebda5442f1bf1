"""Exactness of every network family: trained briefly, exported, lowered, built, and compared.

Brevitas, QONNX and the integer network are compared on every integer of a whole test set, the
hardware graph on its first frames. Each network is a step of its own: one that is complete, made by
the same code, is reused.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from hwflow.bench import train_recipes
from hwflow.bench.figures import Figure, figure
from hwflow.bench.sections import Result
from hwflow.config.base import StrictModel, load
from hwflow.config.data_root import DataRoot
from hwflow.config.design import Fill
from hwflow.config.manifest import Step, run_step
from hwflow.config.recipe import Recipe
from hwflow.config.train_options import TrainOptions
from hwflow.data import Splits, Subset
from hwflow.data import load as load_data
from hwflow.errors import ConfigError, UnsupportedModelError, VerificationError
from hwflow.export.proof import Proof, write
from hwflow.export.tally import Tally
from hwflow.export.verify import act_scales
from hwflow.log import Progress, silent
from hwflow.lower.agree import NetworkComparison
from hwflow.lower.lowering import InputSpec, Lowered, trace
from hwflow.lower.network import Network
from hwflow.lower.read import read
from hwflow.nets import build
from hwflow.train import read_weights
from hwflow.train.stage import train_stages

# Raise it when the same network would be compared otherwise, by this module's doing.
_VERSION = 1
TRAINING_FRAMES = 6_000
GRAPH_FRAMES = 500
RESULT = "exactness.json"
# Few lanes, for any device: what is compared is what a folded graph computes, not how fast.
_TARGET_II_CYCLES = 65_536
_FILL = Fill(lut=1000.0, bram=1000.0, dsp=1000.0)
_PART, _CLOCK_NS = "xc7z020clg400-1", 10.0
_PACKAGES = ("config", "data", "nets", "train", "export", "lower", "dataflow")
_TOOLS = ("torch", "brevitas", "qonnx", "onnx", "onnxruntime", "finn-plus", "numpy")
ACTIVATIONS, SCORES = "activations", "scores"


class Compared(StrictModel):
    """One link: integers compared, and how many differ; ``first``: where, as an error tells it."""

    link: str
    compared: int
    mismatches: int
    first: str = ""


class NetworkExactness(StrictModel):
    """What was found of one network.

    ``accuracy``: of the integer scores on the test set. ``unbuilt``: why there is no hardware graph
    ("" where there is one). ``absent``: tensors of the integer network that the graph does not
    hold. ``seconds``: that each part took.
    """

    frames: int
    graph_frames: int
    accuracy: float
    ties: int
    links: tuple[Compared, ...]
    unbuilt: str = ""
    absent: tuple[str, ...] = ()
    seconds: dict[str, float]


def exact(root: Path, *, data: Path | None, threads: int, progress: Progress = silent) -> Result:
    """Compare every family at every width; works in ``root``."""
    splits: dict[str, Splits] = {}
    place = DataRoot(data)

    def frames(recipe: Recipe) -> Splits:
        key = recipe.dataset.model_dump_json()
        if key not in splits:
            splits[key] = _fewer(load_data(recipe.dataset, place), TRAINING_FRAMES)
        return splits[key]

    found: dict[str, NetworkExactness] = {}
    names = list(train_recipes.exact_names())
    for number, (family, bits) in enumerate(names):
        name = f"{family}_w{bits}a{bits}"
        progress(f"exact: {name}", number, len(names))
        recipe = train_recipes.exact(family, bits)

        def action(folder: Path, recipe: Recipe = recipe) -> None:
            result = _measure(recipe, frames(recipe), folder, place, threads)
            (folder / RESULT).write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")

        step = Step(
            "bench train exact",
            root / name,
            config={
                "version": _VERSION,
                "recipe": recipe.model_dump(mode="json"),
                "threads": threads,
                "frames": [TRAINING_FRAMES, GRAPH_FRAMES],
            },
            packages=_PACKAGES,
            tools=_TOOLS,
        )
        run_step(step, action)
        found[name] = load(NetworkExactness, root / name / RESULT)
    details = {
        name: {
            "dataset": train_recipes.exact(*key).dataset.model_dump(mode="json"),
            "net": train_recipes.exact(*key).stages[0].net.model_dump(mode="json"),
            **found[name].model_dump(mode="json"),
        }
        for key, name in zip(names, found, strict=True)
    }
    return Result(tuple(figures(found)), details)


def figures(found: dict[str, NetworkExactness]) -> Iterator[Figure]:
    """Yield the sums over the networks, each with what was compared."""
    whole = {one.frames for one in found.values()}
    part = {one.graph_frames for one in found.values() if not one.unbuilt}
    for link in dict.fromkeys(each.link for one in found.values() for each in one.links):
        of = {name: each for name, one in found.items() for each in one.links if each.link == link}
        count = sum(each.compared for each in of.values())
        wrong = [f"{name}: {each.first}" for name, each in of.items() if each.mismatches]
        frames = _told(part if "FINN" in link else whole)
        yield figure(
            f"{link}, integers that differ",
            sum(each.mismatches for each in of.values()),
            "integers",
            provenance="measured",
            goal=("=", 0),
            note="; ".join([f"of {count:,} of {len(of)} networks, {frames} test frames", *wrong]),
        )
    yield figure(
        "rounding ties in Brevitas",
        sum(one.ties for one in found.values()),
        "ties",
        provenance="measured",
        goal=("=", 0),
        note=f"{len(found)} networks, {_told(whole)} test frames",
    )
    unbuilt = [f"{name}: {one.unbuilt}" for name, one in found.items() if one.unbuilt]
    yield figure(
        "networks without a hardware graph",
        len(unbuilt),
        f"of {len(found)}",
        provenance="measured",
        goal=("=", 0),
        note="; ".join(unbuilt),
    )
    least = min(found, key=lambda name: found[name].accuracy)
    yield figure(
        "least test accuracy of the networks compared",
        found[least].accuracy,
        "of 1",
        provenance="measured",
        note=f"{least}; one epoch of {TRAINING_FRAMES:,} frames, so that scores vary; "
        "0.1 is chance",
    )


def _told(counts: set[int]) -> str:
    return " or ".join(f"{count:,}" for count in sorted(counts))


def _fewer(splits: Splits, count: int) -> Splits:
    """Return ``splits`` with the first ``count`` training frames, which lie in no order."""
    train = splits.train
    first = Subset(train.split, train.frames[:count], train.labels[:count], train.indices[:count])
    return replace(splits, train=first)


def _measure(
    recipe: Recipe, splits: Splits, folder: Path, data: DataRoot, threads: int
) -> NetworkExactness:
    (stage,) = recipe.stages
    seconds: dict[str, float] = {}
    begin = time.monotonic()

    def lap(part: str) -> None:
        nonlocal begin
        now = time.monotonic()
        seconds[part] = round(now - begin, 1)
        begin = now

    options = TrainOptions(threads=threads)
    train_stages(recipe, splits, folder, data=data, options=options, progress=silent)
    lap("training")
    network = build(stage, splits.frame_shape, len(splits.classes))
    network.load_state_dict(read_weights(folder / f"{stage.name}.safetensors"))
    path = folder / "stage0.onnx"
    proof = write(network, path, name=stage.name)
    lowered = trace(read(path), InputSpec())
    lap("export")
    links = _compare_file(proof, lowered, splits.test)
    lap("test set")
    unbuilt = ""
    absent: tuple[str, ...] = ()
    try:
        more, absent = _compare_graph(lowered.network, splits.test, folder / "graphs")
        links += more
    except (UnsupportedModelError, ConfigError) as error:
        unbuilt = str(error)
    lap("FINN graph")
    predicted = np.concatenate(proof.scores).argmax(axis=1)
    return NetworkExactness(
        frames=len(splits.test),
        graph_frames=0 if unbuilt else min(GRAPH_FRAMES, len(splits.test)),
        accuracy=round(float(np.mean(predicted == splits.test.labels)), 4),
        ties=proof.comparison.ties,
        links=tuple(links),
        unbuilt=unbuilt,
        absent=absent,
        seconds=seconds,
    )


def _compare_file(proof: Proof, lowered: Lowered, test: Subset) -> list[Compared]:
    """Return Brevitas against the file, and the file against the integer network."""
    file = "QONNX ↔ integer network"
    other = NetworkComparison(file, lowered, act_scales(proof.network))
    for frames, executed in proof.run(test.frames):
        other.add(frames, executed)
    own = "Brevitas ↔ QONNX"
    return [
        _compared(f"{own}, {ACTIVATIONS}", proof.comparison.activations),
        _compared(f"{own}, {SCORES}", proof.comparison.scores),
        _compared(f"{file}, {ACTIVATIONS}", other.activations),
        _compared(f"{file}, {SCORES}", other.scores),
    ]


def _compare_graph(
    network: Network, test: Subset, graphs: Path
) -> tuple[list[Compared], tuple[str, ...]]:
    """Return the integer network against its hardware graph, and what that does not hold.

    Raises:
        UnsupportedModelError, ConfigError: there is no such graph.
    """
    from hwflow.dataflow import finn
    from hwflow.dataflow.agree import GraphComparison
    from hwflow.dataflow.stage import StageConfig, convert

    config = StageConfig("stage0", _PART, _CLOCK_NS, target_ii_cycles=_TARGET_II_CYCLES, fill=_FILL)
    link = "integer network ↔ FINN graph"
    with (
        tempfile.TemporaryDirectory(prefix="hwflow-finn-") as scratch,
        finn.session(Path(scratch) / "finn"),
    ):
        model = convert(network, config, graphs)
        comparison = GraphComparison(link, model, network)
        broken = ""
        try:
            comparison.run(test.frames[:GRAPH_FRAMES])
        except VerificationError as error:  # a stream cannot carry a value: nothing goes on
            broken = str(error)
    layers = _compared(f"{link}, layers", comparison.layers)
    if broken:
        layers = layers.model_copy(update={"mismatches": layers.mismatches + 1, "first": broken})
    return [layers, _compared(f"{link}, {SCORES}", comparison.scores)], comparison.absent


def _compared(link: str, tally: Tally) -> Compared:
    return Compared(
        link=link,
        compared=tally.compared,
        mismatches=tally.mismatches,
        first="" if tally.first is None else tally.first.told,
    )
