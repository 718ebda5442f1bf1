"""Joins the layers of one stage: a plain Verilog top, and every source it needs in one folder.

FINN writes each node's code into a folder of its own, with absolute memory paths. Here everything
moves into one ``rtl/`` folder whose files name each other by paths relative to its parent, so that
the result can be moved and two stages can lie side by side.
"""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from hwflow.dataflow.streams import FIFO
from hwflow.errors import ToolFailedError, UnsupportedModelError
from hwflow.rtl.template import render_template

Model = Any
Node = Any

RTL = "rtl"
# Layers that the stage template knows how to wire up: no HLS among them.
KNOWN = frozenset(
    {
        "ConvolutionInputGenerator_rtl",
        "MVAU_rtl",
        "Thresholding_rtl",
        "StreamingDataWidthConverter_rtl",
        "HwfAdd_rtl",
        "HwfDup_rtl",
        FIFO,
        "HwfMVAU_rtl",
        "HwfPad_rtl",
        "HwfPool_rtl",
        "HwfRequant_rtl",
        "HwfVVAU_rtl",
        "HwfXnorMVAU_rtl",
    }
)
# MVAU_rtl's own file list leaves its weight memory out.
MEMSTREAM = ("axi/hdl/axilite.sv", "memstream/hdl/memstream.sv", "memstream/hdl/memstream_axi.sv")


@dataclass(frozen=True)
class StreamPort:
    """A stream of a stage: the tensor it carries and the layer's port that writes it.

    ``operator`` and ``port``: None and 0 for the stage's input. A beat is ``lanes`` elements of
    ``datatype``, lane 0 lowest, padded to ``bits`` (whole bytes); ``beats`` make a frame.
    """

    tensor: str
    operator: Any | None
    port: int
    lanes: int
    beats: int
    datatype: Any
    bits: int


@dataclass(frozen=True)
class _Instance:
    name: str
    module: str
    op: str
    summary: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    weights: str | None
    weight_bits: int
    fifo: _Fifo | None


@dataclass(frozen=True)
class _Fifo:
    """``number``: its place among the stage's FIFOs; ``bits``: those of a word that carry data."""

    number: int
    bits: int
    depth: int


def stream_ports(model: Model) -> tuple[StreamPort, ...]:
    """Return the streams of the stage ``model`` in stream order: the input, then each output.

    Their order is that of the Verilog's ``stream<k>``.
    """
    from qonnx.custom_op.registry import getCustomOp

    source = model.graph.input[0].name
    streams = []
    for node in model.graph.node:
        operator = getCustomOp(node)
        if source in node.input:
            shape = operator.get_folded_input_shape()
            streams.append(
                StreamPort(
                    tensor=source,
                    operator=None,
                    port=0,
                    lanes=int(shape[-1]),
                    beats=prod(int(size) for size in shape[:-1]),
                    datatype=operator.get_input_datatype(),
                    bits=int(operator.get_instream_width_padded()),
                )
            )
        for port, tensor in enumerate(node.output):
            shape = operator.get_folded_output_shape(port)
            streams.append(
                StreamPort(
                    tensor=tensor,
                    operator=operator,
                    port=port,
                    lanes=int(shape[-1]),
                    beats=prod(int(size) for size in shape[:-1]),
                    datatype=operator.get_output_datatype(port),
                    bits=int(operator.get_outstream_width_padded(port)),
                )
            )
    return tuple(streams)


def stitch(model: Model, name: str, folder: Path, rtllib: Path) -> tuple[str, ...]:
    """Write stage ``name`` into ``folder``/rtl; return its sources, relative to ``folder``.

    ``model``: FINN RTL layers with generated code, in order of execution, each tensor with one
    reader; node names prefixed with ``name``.

    Raises:
        UnsupportedModelError: a layer is unknown here, such as one that would need HLS.
        ToolFailedError: FINN's generated text is not what this version of hwflow expects.
    """
    from qonnx.custom_op.registry import getCustomOp

    (folder / RTL).mkdir(parents=True, exist_ok=True)
    sources: list[str] = []
    for node in model.graph.node:
        if node.op_type not in KNOWN:
            raise UnsupportedModelError(
                f"{node.op_type} has no RTL that hwflow can wire up", node=node.name
            )
        operator = getCustomOp(node)
        code = Path(operator.get_nodeattr("code_gen_dir_ipgen"))
        paths = [Path(path) for path in operator.get_rtl_file_list(abspath=True)]
        if node.op_type == "MVAU_rtl":
            paths += [rtllib / part for part in MEMSTREAM]
            paths.append(code / f"{node.name}_memstream_wrapper.v")
        for path in paths:
            _take(path, folder / RTL, sources)
        _take_memories(node, code, folder / RTL)
    return (*_packages_first(sources), write_top(model, name, folder))


def write_top(model: Model, name: str, folder: Path) -> str:
    """Write the module of stage ``name``, which wires its layers up; return its path.

    Everything else of the stage stays as it is when only depths of FIFOs change.
    """
    from qonnx.custom_op.registry import getCustomOp

    streams = stream_ports(model)
    numbers = {stream.tensor: index for index, stream in enumerate(streams)}
    fifos = {node.name: number for number, node in enumerate(fifo_nodes(model))}
    top = f"{RTL}/{name}.v"
    text = render_template(
        "stage.v.j2",
        module=name,
        layers=[
            _instance(node, getCustomOp(node), numbers, fifos.get(node.name))
            for node in model.graph.node
        ],
        streams=[stream.bits for stream in streams],
        source=numbers[model.graph.input[0].name],
        sink=numbers[model.graph.output[0].name],
        fifos=len(fifos),
    )
    (folder / top).write_text(text, encoding="utf-8")
    return top


def fifo_nodes(model: Model) -> tuple[Node, ...]:
    """Return the FIFOs of the stage ``model`` in the order of their numbers in its Verilog."""
    return tuple(node for node in model.graph.node if node.op_type == FIFO)


def _instance(node: Node, operator: Any, numbers: Mapping[str, int], fifo: int | None) -> _Instance:
    attributes = operator.get_nodeattr_types()
    shown = [
        f"{key} {operator.get_nodeattr(key)}"
        for key in ("MW", "MH", "SIMD", "PE", "depth", "inWidth", "outWidth")
        if key in attributes
    ]
    decoupled = node.op_type == "MVAU_rtl"
    return _Instance(
        name=node.name,
        module=operator.get_verilog_top_module_name(),
        op=node.op_type,
        summary=", ".join(shown),
        inputs=tuple(numbers[name] for name in node.input if name in numbers),
        outputs=tuple(numbers[name] for name in node.output),
        weights=f"{node.name}_memstream_wrapper" if decoupled else None,
        weight_bits=operator.get_instream_width_padded(1) if decoupled else 0,
        fifo=None
        if fifo is None
        else _Fifo(fifo, operator.get_outstream_width(), operator.get_nodeattr("depth")),
    )


def _take(path: Path, rtl: Path, sources: list[str]) -> None:
    """Copy a source once; the library's modules are shared by all nodes and stages."""
    target = rtl / path.name
    if not target.exists():
        shutil.copyfile(path, target)
    elif not filecmp.cmp(path, target, shallow=False) and f"{RTL}/{path.name}" not in sources:
        raise ToolFailedError(
            ["finn-plus"],
            returncode=1,
            log=path,
            tail=f"two different sources are called {path.name}",
        )
    if f"{RTL}/{path.name}" not in sources:
        sources.append(f"{RTL}/{path.name}")


def _take_memories(node: Node, code: Path, rtl: Path) -> None:
    """Move the node's memory files to ``rtl`` and its wrappers' paths with them."""
    name = node.name
    if node.op_type == "MVAU_rtl":
        shutil.copyfile(code / "memblock.dat", rtl / f"{name}_weights.dat")
        _replace(
            rtl / f"{name}_memstream_wrapper.v",
            f"{code}/memblock.dat",
            f"{RTL}/{name}_weights.dat",
        )
    memories = sorted(code.glob(f"{name}_*.dat"))
    for path in memories:
        shutil.copyfile(path, rtl / path.name)
    if memories:
        _replace(rtl / f"{name}.v", f'"./{name}_', f'"{RTL}/{name}_')


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise ToolFailedError(
            ["finn-plus"],
            returncode=1,
            log=path,
            tail=f"{path.name}: expected a memory path {old!r}; is finn-plus the pinned version?",
        )
    path.write_text(text.replace(old, new), encoding="utf-8")


def _packages_first(sources: Sequence[str]) -> tuple[str, ...]:
    packages = [source for source in sources if source.endswith("_pkg.sv")]
    return (*packages, *(source for source in sources if source not in packages))
