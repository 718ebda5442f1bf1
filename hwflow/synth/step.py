"""The ``synth`` step: resources of the controller and of each layer of the stages."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from hwflow.config.accelerator import DESIGN_FILE, Accelerator, Layer, StageHardware
from hwflow.config.base import load
from hwflow.config.synthesis import SYNTHESIS_FILE, Block, Resources, Synthesis
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.synth.block import synthesise, synthesise_group
from hwflow.synth.script import FAMILY, SYNTHESIS, Part, needs_slang
from hwflow.synth.sources import Sources
from hwflow.synth.yosys import Yosys

# FINN's DSP matrix unit reads its weights from a module of its own, beside it in the stage.
MEMORY_SUFFIX = "_memstream_wrapper"


def synth(folder: Path, out_dir: Path, *, progress: Progress = silent) -> Synthesis:
    """Estimate each block of the accelerator in ``folder`` and write ``synthesis.json``.

    What was synthesised before, by content, is recalled from the user's cache.

    Raises:
        ToolNotFoundError: yosys is missing.
        ToolFailedError: yosys refused a block.
        ConfigError: a source is missing.
    """
    if not (folder / DESIGN_FILE).is_file():
        raise ConfigError(f"{folder}: no {DESIGN_FILE} in it; make one with `hwflow build`")
    design = load(Accelerator, folder / DESIGN_FILE)
    sources = Sources(folder, _present(folder, design.sources))
    yosys = Yosys()
    out_dir.mkdir(parents=True, exist_ok=True)
    layers = [layer for stage in design.stages for layer in stage.layers]
    alone, groups = _split(layers, sources)

    def controller() -> list[Resources]:
        stubs = {stage.top: stage_stub(stage) for stage in design.stages}
        return [synthesise(Part(design.top), sources, yosys=yosys, log_dir=out_dir, stubs=stubs)]

    def layer_alone(layer: Layer) -> list[Resources]:
        return [_synthesise(layer, sources, yosys, out_dir)]

    def group(name: str, members: Sequence[Layer]) -> Sequence[Resources]:
        parts = [_part(layer) for layer in members]
        return synthesise_group(parts, sources, name=name, yosys=yosys, log_dir=out_dir)

    found: dict[str, Resources] = {}
    progress("yosys", 0, 1 + len(layers))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        runs: dict[Future[Sequence[Resources]], list[str]] = {
            pool.submit(controller): [design.top],
            **{pool.submit(layer_alone, layer): [layer.name] for layer in alone},
            **{pool.submit(group, *each): [x.name for x in each[1]] for each in groups.items()},
        }
        try:
            for run in as_completed(runs):
                found |= zip(runs[run], run.result(), strict=True)
                progress(f"yosys {runs[run][-1]}", len(found), 1 + len(layers))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    blocks = [
        Block(module=design.top, op="controller", stage=None, resources=found[design.top]),
        *(
            Block(module=layer.name, op=layer.op, stage=number, resources=found[layer.name])
            for number, stage in enumerate(design.stages)
            for layer in stage.layers
        ),
    ]
    result = Synthesis(
        schema_version=1,
        tool=f"yosys {yosys.version()}",
        command=SYNTHESIS,
        family=FAMILY,
        blocks=tuple(blocks),
    )
    text = result.model_dump_json(indent=2) + "\n"
    (out_dir / SYNTHESIS_FILE).write_text(text, encoding="utf-8")
    return result


def _split(
    layers: Sequence[Layer], sources: Sources
) -> tuple[Sequence[Layer], Mapping[str, Sequence[Layer]]]:
    """Return the layers to synthesise alone, the largest first, and the others in named groups.

    A layer with weights keeps yosys busy, and its part of the figures is worth a run of its own.
    """
    alone = sorted((x for x in layers if x.macs), key=lambda x: -(x.pe or 1) * (x.simd or 1))
    groups: dict[str, list[Layer]] = {}
    for layer in layers:
        if not layer.macs:
            foreign = needs_slang(sources.needed_by(layer.module))
            groups.setdefault("finn_layers" if foreign else "own_layers", []).append(layer)
    return alone, groups


def _part(layer: Layer) -> Part:
    if layer.fifo_word_bits is None or layer.fifo_depth_words is None:
        return Part(layer.module)
    parameters = {"DataBits": layer.fifo_word_bits, "Depth": layer.fifo_depth_words}
    return Part(layer.module, parameters)


def _synthesise(layer: Layer, sources: Sources, yosys: Yosys, log_dir: Path) -> Resources:
    memory = layer.module + MEMORY_SUFFIX
    taken = synthesise(_part(layer), sources, yosys=yosys, log_dir=log_dir)
    if memory not in sources:
        return taken
    return _add(taken, synthesise(Part(memory), sources, yosys=yosys, log_dir=log_dir))


def stage_stub(stage: StageHardware) -> str:
    """Return an empty module with the stage's ports, so that the controller stands alone."""
    out_bits = -(-stage.score_lanes * stage.score_bits // 8) * 8
    return f"""(* blackbox *)
module {stage.top} (
  input ap_clk, input ap_rst_n,
  input [{8 * stage.in_bytes - 1}:0] s_axis_0_tdata, input s_axis_0_tvalid, output s_axis_0_tready,
  output [{out_bits - 1}:0] m_axis_0_tdata, output m_axis_0_tvalid, input m_axis_0_tready
);
endmodule
"""


def _present(folder: Path, sources: Sequence[str]) -> Sequence[str]:
    for source in sources:
        if not (folder / source).is_file():
            raise ConfigError(
                f"{folder / source}: missing from the accelerator; run `hwflow build` again"
            )
    return sources


def _add(one: Resources, other: Resources) -> Resources:
    return Resources(
        lut=one.lut + other.lut,
        lutram=one.lutram + other.lutram,
        ff=one.ff + other.ff,
        dsp=one.dsp + other.dsp,
        bram36=one.bram36 + other.bram36,
    )
