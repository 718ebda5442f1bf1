"""The per-layer report of an accelerator: where cycles, memory and resources go.

A row is one layer of the network with everything built for it: window generator, width converters,
FIFOs, matrix unit, thresholds. Estimates come from ``design.json``, synthesis results, where there
are any, from ``synthesis.json``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hwflow.config.accelerator import DESIGN_FILE, Accelerator, Estimate, Layer, StageHardware
from hwflow.config.base import StrictModel, load
from hwflow.config.synthesis import SYNTHESIS_FILE, Synthesis
from hwflow.errors import ConfigError

# In the order of a stream through them; what is not listed is the layer's own unit.
UNITS = {
    "ConvolutionInputGenerator_rtl": "window",
    "HwfPad_rtl": "pad",
    "HwfXnorMVAU_rtl": "XNOR",
    "HwfMVAU_rtl": "matrix",
    "MVAU_rtl": "matrix on DSPs",
    "HwfVVAU_rtl": "depthwise",
    "Thresholding_rtl": "thresholds",
    "HwfRequant_rtl": "requantiser",
    "HwfPool_rtl": "pool",
    "HwfAdd_rtl": "add",
    "HwfDup_rtl": "fork",
}


class LayerRow(StrictModel):
    """One layer of a network. ``share``: of the stage's II bound; ``cycles``: of its slowest node.

    ``bottleneck``: it sets the stage's pace, which the stream of frames may do too.
    ``fifo_words``: in all its FIFOs. ``synthesised`` is None where any of its nodes was not.
    """

    layer: str
    units: tuple[str, ...]
    macs: int
    pe: int | None
    simd: int | None
    cycles: int
    share: float
    slowest: str
    bottleneck: bool
    fifo_words: int
    memory_bits: int
    estimated: Estimate
    synthesised: Estimate | None


class LayerTable(StrictModel):
    """The layers of one stage and their sums; ``tool``: what synthesised them, if anything did."""

    stage: str
    ii_bound_cycles: int
    rows: tuple[LayerRow, ...]
    estimated: Estimate
    synthesised: Estimate | None
    tool: str | None


def layer_tables(accelerator_dir: Path, synthesis_dir: Path | None) -> tuple[LayerTable, ...]:
    """Return the table of each stage of the accelerator in ``accelerator_dir``.

    Raises:
        ConfigError: no accelerator, or no synthesis result, where one is said to be.
    """
    if not (accelerator_dir / DESIGN_FILE).is_file():
        raise ConfigError(
            f"{accelerator_dir}: no {DESIGN_FILE} in it; make one with `hwflow build`"
        )
    design = load(Accelerator, accelerator_dir / DESIGN_FILE)
    found = None
    if synthesis_dir is not None:
        if not (synthesis_dir / SYNTHESIS_FILE).is_file():
            raise ConfigError(
                f"{synthesis_dir}: no {SYNTHESIS_FILE} in it; make one with "
                f"`hwflow synth {accelerator_dir}`"
            )
        found = load(Synthesis, synthesis_dir / SYNTHESIS_FILE)
    return tuple(_table(stage, found) for stage in design.stages)


def _table(stage: StageHardware, synthesis: Synthesis | None) -> LayerTable:
    blocks = {} if synthesis is None else _by_module(synthesis)
    layers: dict[str, list[Layer]] = {}
    for node in stage.layers:  # the nodes of a layer need not be neighbours where branches fork
        layers.setdefault(node.layer, []).append(node)
    rows = tuple(_row(name, nodes, stage, blocks) for name, nodes in layers.items())
    counted = [row.synthesised for row in rows]
    complete = [value for value in counted if value is not None]
    return LayerTable(
        stage=stage.name,
        ii_bound_cycles=stage.ii_bound_cycles,
        rows=rows,
        estimated=total(row.estimated for row in rows),
        synthesised=total(complete) if len(complete) == len(rows) else None,
        tool=None if synthesis is None else synthesis.tool,
    )


def _by_module(synthesis: Synthesis) -> dict[str, Estimate]:
    return {block.module: Estimate(**block.resources.model_dump()) for block in synthesis.blocks}


def _row(
    name: str, nodes: Sequence[Layer], stage: StageHardware, blocks: dict[str, Estimate]
) -> LayerRow:
    slowest = max(nodes, key=lambda node: node.cycles)
    main = max(nodes, key=lambda node: (node.macs, node.pe is not None))
    found = [blocks.get(node.name) for node in nodes]
    complete = [value for value in found if value is not None]
    return LayerRow(
        layer=name,
        units=tuple(dict.fromkeys(_unit_names(nodes))),
        macs=sum(node.macs for node in nodes),
        pe=main.pe,
        simd=main.simd,
        cycles=slowest.cycles,
        share=slowest.cycles / stage.ii_bound_cycles,
        slowest=slowest.op,
        bottleneck=slowest.cycles == stage.ii_bound_cycles,
        fifo_words=sum(node.fifo_depth_words or 0 for node in nodes),
        memory_bits=sum(node.memory_bits for node in nodes),
        estimated=total(node.estimate for node in nodes),
        synthesised=total(complete) if len(complete) == len(nodes) else None,
    )


def _unit_names(nodes: Iterable[Layer]) -> Iterator[str]:
    return (UNITS[node.op] for node in nodes if node.op in UNITS)


def total(each: Iterable[Estimate]) -> Estimate:
    """Return the sum of ``each``."""
    values = list(each)
    return Estimate(
        lut=sum(value.lut for value in values),
        lutram=sum(value.lutram for value in values),
        ff=sum(value.ff for value in values),
        dsp=sum(value.dsp for value in values),
        bram36=sum(value.bram36 for value in values),
    )
