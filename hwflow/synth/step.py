"""The ``synth`` step: resources of the controller and of each layer of the stages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import reduce
from pathlib import Path

from hwflow.config.accelerator import DESIGN_FILE, Accelerator, Layer, StageHardware
from hwflow.config.base import load
from hwflow.config.synthesis import SYNTHESIS_FILE, Block, Resources, Synthesis
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.synth.block import synthesise
from hwflow.synth.sources import Sources
from hwflow.synth.yosys import FAMILY, SYNTHESIS, Yosys

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
    layers = [
        (number, layer) for number, stage in enumerate(design.stages) for layer in stage.layers
    ]
    total = 1 + len(layers)
    progress("yosys", 0, total)

    def controller() -> Block:
        stubs = {stage.top: stage_stub(stage) for stage in design.stages}
        taken = synthesise(design.top, sources, yosys=yosys, log_dir=out_dir, stubs=stubs)
        return Block(module=design.top, op="controller", stage=None, resources=taken)

    def block(number: int, layer: Layer) -> Block:
        taken = _synthesise(layer, sources, yosys, out_dir)
        return Block(module=layer.name, op=layer.op, stage=number, resources=taken)

    # yosys reads its own libraries for seconds however small a block is, so one run per core.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        runs = [pool.submit(controller), *(pool.submit(block, *layer) for layer in layers)]
        try:
            for done, run in enumerate(as_completed(runs), start=1):
                progress(f"yosys {run.result().module}", done, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    blocks = [run.result() for run in runs]
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


def _synthesise(layer: Layer, sources: Sources, yosys: Yosys, log_dir: Path) -> Resources:
    parameters = {}
    if layer.fifo_word_bits is not None and layer.fifo_depth_words is not None:
        parameters = {"DataBits": layer.fifo_word_bits, "Depth": layer.fifo_depth_words}
    parts = (
        synthesise(part, sources, yosys=yosys, log_dir=log_dir, parameters=parameters)
        for part in (layer.module, layer.module + MEMORY_SUFFIX)
        if part in sources
    )
    return reduce(_add, parts)


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
