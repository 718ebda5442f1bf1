"""The ``synth`` step: resources of the controller and of each of hwflow's own layers."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hwflow.config.accelerator import DESIGN_FILE, Accelerator, StageHardware
from hwflow.config.base import load
from hwflow.config.synthesis import SYNTHESIS_FILE, Block, Synthesis
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.synth.yosys import FAMILY, SYNTHESIS, Yosys

OWN_PREFIX = "hwf_"
STUBS = "stage_stubs.v"


def synth(folder: Path, out_dir: Path, *, progress: Progress = silent) -> Synthesis:
    """Estimate the own blocks of the accelerator in ``folder`` and write ``synthesis.json``.

    Layers from FINN's library are not read by yosys' Verilog reader and are left out; the report
    says which blocks it covers.

    Raises:
        ToolNotFoundError: yosys is missing.
        ToolFailedError: yosys refused a block.
        ConfigError: a source is missing.
    """
    if not (folder / DESIGN_FILE).is_file():
        raise ConfigError(f"{folder}: no {DESIGN_FILE} in it; make one with `hwflow build`")
    design = load(Accelerator, folder / DESIGN_FILE)
    yosys = Yosys()
    own = [source for source in design.sources if Path(source).name.startswith(OWN_PREFIX)]
    blocks = []
    out_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hwflow-synth-") as name:
        work = Path(name)
        _copy(folder, work, design)
        (work / STUBS).write_text("".join(map(stage_stub, design.stages)), encoding="utf-8")
        plan: list[tuple[str, str, int | None, list[str]]] = [
            (design.top, "controller", None, [*own, STUBS])
        ]
        generated = {Path(source).stem: source for source in design.sources}
        for number, stage in enumerate(design.stages):
            for layer in stage.layers:
                if layer.backend == "hwflow":
                    base = [source for source in own if source != generated.get(design.top)]
                    plan.append((layer.module, layer.op, number, [*base, generated[layer.module]]))
        for done, (module, op, where, sources) in enumerate(plan):
            progress(f"yosys {module}", done, len(plan))
            resources = yosys.estimate(module, sources=sources, folder=work, log_dir=out_dir)
            blocks.append(Block(module=module, op=op, stage=where, resources=resources))
        progress("done", len(plan), len(plan))
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


def _copy(folder: Path, work: Path, design: Accelerator) -> None:
    for source in design.sources:
        if not (folder / source).is_file():
            raise ConfigError(
                f"{folder / source}: missing from the accelerator; run `hwflow build` again"
            )
    for parent in {Path(source).parent for source in design.sources}:
        shutil.copytree(folder / parent, work / parent, dirs_exist_ok=True)
