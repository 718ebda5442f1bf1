"""A stage's RTL against its integers, node by node: every beat of every stream is compared.

Two links of the exactness chain: the integer network ↔ the hardware graph executed in Python, at
each tensor that both have, and the hardware graph ↔ RTL, at each stream. The stage is compiled
with probes, which write the beats that pass as hex.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.config.accelerator import Accelerator
from hwflow.config.bundle import Link
from hwflow.dataflow import finn
from hwflow.dataflow.network_file import NETWORK_FILE, load_network
from hwflow.dataflow.stage import GRAPHS, HARDWARE_GRAPH
from hwflow.dataflow.stitch import RTL, StreamPort, stream_ports
from hwflow.dataflow.verify import execute_all, load_graph
from hwflow.errors import VerificationError
from hwflow.log import Progress, silent
from hwflow.lower.evaluate import evaluate, evaluate_all
from hwflow.lower.network import Network, Tensor
from hwflow.simulate.accelerator import load_accelerator, patience_cycles, to_beats
from hwflow.simulate.compare import compare
from hwflow.simulate.compile import compile_model
from hwflow.simulate.library import Pauses, Simulation
from hwflow.simulate.stage import run_stage, stage_ports

IntArray = NDArray[np.int64]

PROBE = "HWF_PROBE"
PROBES = "probes"
IDLE, STALL, LONGEST = 0.1, 0.1, 20
# Values of a differing beat that a message shows.
SHOWN = 16


def verify_nodes(
    folder: Path,
    frames: NDArray[np.uint8],
    *,
    stage: int = 0,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Link, ...]:
    """Compare each node's output of stage number ``stage`` of the accelerator in ``folder``.

    ``frames`` (N, H, W, C) go through its RTL with random pauses on both sides, drawn from
    ``seed``. Returns a link for the integer network and one for each hardware node.

    Raises:
        VerificationError: naming the first node in stream order whose output differs, with the
            frame and the beat.
    """
    design = load_accelerator(folder)
    name = design.stages[stage].top
    graphs = folder / GRAPHS / name
    network = load_network(graphs / NETWORK_FILE)
    total = 3
    with (
        tempfile.TemporaryDirectory(prefix="hwflow-nodes-") as scratch,
        finn.session(Path(scratch) / "finn"),
    ):
        progress(f"{name}: hardware graph", 0, total)
        model = load_graph(graphs / HARDWARE_GRAPH)
        streams = stream_ports(model)
        expected = _execute(model, streams, frames)
        link = _check_network(name, network, streams, expected, frames)
        progress(f"{name}: RTL with probes", 1, total)
        records = Path(scratch) / "run"
        _simulate(folder, design, stage, frames, records, seed)
        progress(f"{name}: every beat", 2, total)
        nodes = tuple(
            _check_stream(name, stream, want, records / PROBES / f"{name}_{index}.txt")
            for index, (stream, want) in enumerate(zip(streams, expected, strict=True))
        )
    progress(f"{name}: every beat", 3, total)
    return (link, *nodes)


def verify_scores(
    folder: Path,
    frames: NDArray[np.uint8],
    *,
    stage: int = 0,
    pauses: Pauses | None = None,
    progress: Progress = silent,
) -> Link:
    """Compare the scores of ``frames`` out of the RTL of a stage with the integer network's.

    Raises:
        VerificationError: naming the first frame whose scores differ.
    """
    design = load_accelerator(folder)
    name = design.stages[stage].top
    network = load_network(folder / GRAPHS / name / NETWORK_FILE)
    want = evaluate(network, frames, progress=progress)
    if pauses is None:
        pauses = Pauses(IDLE, STALL, longest=LONGEST)
    got = run_stage(folder, stage, frames, pauses=pauses)
    return compare(f"{name}: integer network ↔ RTL scores", expected=want, got=got.scores)


def _execute(
    model: object, streams: Sequence[StreamPort], frames: NDArray[np.uint8]
) -> tuple[IntArray, ...]:
    """Return what passes each stream, (N, beats, lanes), as the hardware graph computes it."""
    values: list[list[IntArray]] = [[] for _ in streams]
    for context in execute_all(model, frames):
        for stream, kept in zip(streams, values, strict=True):
            kept.append(context[stream.tensor].astype(np.int64).reshape(stream.beats, stream.lanes))
    return tuple(np.stack(kept) for kept in values)


def _check_network(
    name: str,
    network: Network,
    streams: Sequence[StreamPort],
    values: Sequence[IntArray],
    frames: NDArray[np.uint8],
) -> Link:
    """Compare ``values`` with the integer network at the tensors that both have."""
    tensors, golden = network.tensors, evaluate_all(network, frames)
    compared = 0
    for stream, got in zip(streams, values, strict=True):
        if stream.tensor not in tensors:
            continue
        want = _on_stream(tensors[stream.tensor], golden[stream.tensor]).reshape(got.shape)
        link = f"{name}: integer network ↔ FINN graph, tensor {stream.tensor}"
        _compare_beats(link, want, got)
        compared += got.size
    return Link(
        link=f"{name}: integer network ↔ FINN graph", compared=compared, mismatches=0, ties=0
    )


def _on_stream(tensor: Tensor, values: IntArray) -> IntArray:
    return (values + 1) // 2 if tensor.bipolar else values


def _simulate(
    folder: Path,
    design: Accelerator,
    stage: int,
    frames: NDArray[np.uint8],
    records: Path,
    seed: int,
) -> None:
    """Run ``frames`` through the stage compiled with probes, which write below ``records``."""
    ports = stage_ports(design, stage)
    hardware = design.stages[stage]
    library = compile_model(ports, sources=design.sources, folder=folder, defines=[PROBE])
    (records / PROBES).mkdir(parents=True)
    # Memory files are read, and probes opened, relative to the folder that the model starts in.
    (records / RTL).symlink_to((folder / RTL).absolute(), target_is_directory=True)
    patience = patience_cycles(design)
    with Simulation(library, ports, folder=records, random_state=seed) as simulation:
        simulation.reset()
        simulation.pauses(Pauses(IDLE, STALL, longest=LONGEST, seed=seed))
        simulation.load(*to_beats(frames, hardware.in_bytes))
        per_frame = -(-design.classes // hardware.score_lanes)
        simulation.run(len(frames) * per_frame, patience=patience)
        simulation.pauses(Pauses())
        # Rows that no window covers pass behind the last score. A stage that stopped is named by
        # the first stream that lacks beats.
        simulation.idle(patience)


def _check_stream(name: str, stream: StreamPort, want: IntArray, record: Path) -> Link:
    node = "the input" if stream.operator is None else _node_name(stream)
    got = read_probe(record, stream)
    link = f"{name}: FINN graph ↔ RTL, {node}"
    frames, beats, lanes = want.shape
    whole = np.zeros((frames * beats, lanes), np.int64)
    common = min(len(got), len(whole))
    whole[:common] = got[:common]
    _compare_beats(link, want, whole.reshape(want.shape), seen=len(got))
    return Link(link=link, compared=want.size, mismatches=0, ties=0)


def _node_name(stream: StreamPort) -> str:
    assert stream.operator is not None
    node = stream.operator.onnx_node
    output = f" output {stream.port}" if len(node.output) > 1 else ""
    return f"node {node.name} ({node.op_type}){output}"


def read_probe(path: Path, stream: StreamPort) -> IntArray:
    """Return the beats (beats, lanes) that a probe wrote: one hex word of ``bits`` bits a line."""
    digits = stream.bits // 4
    text = np.frombuffer(path.read_bytes(), np.uint8)
    lines = text[: len(text) // (digits + 1) * (digits + 1)].reshape(-1, digits + 1)[:, :digits]
    # "0" … "9" are 48 … 57, "a" … "f" 97 … 102.
    nibbles = (lines - np.where(lines >= ord("a"), ord("a") - 10, ord("0")))[:, ::-1]
    octets = (nibbles[:, 0::2] | nibbles[:, 1::2] << 4).astype(np.uint8)
    width = int(stream.datatype.bitwidth())
    bits = np.unpackbits(octets, axis=1, bitorder="little")[:, : stream.lanes * width]
    weight = np.left_shift(np.int64(1), np.arange(width, dtype=np.int64))
    if stream.datatype.signed():
        weight[-1] = -weight[-1]
    return bits.reshape(-1, stream.lanes, width).astype(np.int64) @ weight


def _compare_beats(link: str, want: IntArray, got: IntArray, *, seen: int | None = None) -> None:
    """Raise where ``want`` and ``got`` (N, beats, lanes) differ; ``seen``: beats that there are."""
    frames, beats, _ = want.shape
    differ = (want != got).any(axis=2).reshape(-1)
    seen = frames * beats if seen is None else seen
    differ[seen:] = True
    if not differ.any() and seen <= frames * beats:
        return
    first = int(np.flatnonzero(differ)[0]) if differ.any() else frames * beats
    frame, beat = divmod(first, beats)
    shown = "nothing" if first >= seen else _show(got.reshape(frames * beats, -1), first)
    expected = _show(want.reshape(frames * beats, -1), first)
    raise VerificationError(
        link,
        compared=want.size,
        mismatches=max(1, int((want != got).sum())),
        sample=frame,
        expected=f"beat {beat}: {expected}",
        got=f"beat {beat}: {shown}",
    )


def _show(beats: IntArray, index: int) -> str:
    if index >= len(beats):
        return "nothing more"
    row = beats[index].tolist()
    more = f" … ({len(row)} lanes)" if len(row) > SHOWN else ""
    return f"{row[:SHOWN]}{more}"
