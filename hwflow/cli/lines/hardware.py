"""Command lines from a bundle to a report of its accelerator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwflow.cli import commands, volume
from hwflow.cli.folding_options import FoldingOptions
from hwflow.cli.layers import layers as show_layers
from hwflow.cli.lines.options import (
    DryRun,
    Json,
    Out,
    PauseSeed,
    Set,
    Verbose,
)
from hwflow.cli.model_options import ModelOptions
from hwflow.cli.session import start
from hwflow.errors import ConfigError


def build(
    source: Annotated[
        Path, typer.Argument(help="design.yaml, a bundle's folder, or a quantised model.onnx")
    ],
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", help="Folder written by `hwflow export`.", show_default=False),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(
            "--board", help="For a bundle or model.onnx: pynq-z1, pynq-z2.", show_default=False
        ),
    ] = None,
    target_ii: Annotated[
        int | None,
        typer.Option(
            "--target-ii",
            min=1,
            help="Cheapest folding of at most so many cycles per frame.",
            show_default=False,
        ),
    ] = None,
    target_fps: Annotated[
        float | None,
        typer.Option(
            "--target-fps",
            min=1e-3,
            help="Cheapest folding of at least so many frames per second at the design's clock.",
            show_default=False,
        ),
    ] = None,
    fill: Annotated[
        str | None,
        typer.Option(
            "--fill",
            metavar="lut=0.6,bram=0.7",
            help="Fastest folding in these shares of the part (lut, bram, dsp), or auto; "
            "with a target, the cheapest in them.",
            show_default=False,
        ),
    ] = None,
    folding: Annotated[
        Path | None,
        typer.Option(
            "--folding",
            help="Folding as in this file; each build writes folding.json.",
            show_default=False,
        ),
    ] = None,
    fifos: Annotated[
        str | None,
        typer.Option(
            "--fifos",
            metavar="simulated|formula|FILE",
            help="FIFO depths: the least that simulation finds, by formula, or as in this file; "
            "each build writes fifos.json.",
            show_default=False,
        ),
    ] = None,
    input_type: Annotated[
        str | None,
        typer.Option("--input-type", help="For model.onnx: auto, uint8, int8.", show_default=False),
    ] = None,
    input_scale: Annotated[
        str | None,
        typer.Option(
            "--input-scale",
            help="For model.onnx: its float input = byte × SCALE + SHIFT, e.g. 1/255; one or, "
            "separated by commas, one per channel.",
            show_default=False,
        ),
    ] = None,
    input_shift: Annotated[
        str | None, typer.Option("--input-shift", help="See --input-scale.", show_default=False)
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(
            "--frames", help="Golden frames, .npy or .npz (uint8, NHWC).", show_default=False
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Then simulate node by node and as a whole.")
    ] = False,
    out: Out = None,
    set_: Set = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Turn a bundle, or any quantised ONNX file, into the RTL of an accelerator."""
    commands.build(
        start(json, verbose),
        source,
        bundle=bundle,
        options=ModelOptions(
            board=board,
            input_type=input_type,
            input_scale=input_scale,
            input_shift=input_shift,
        ),
        folding=FoldingOptions(
            target_ii=target_ii, target_fps=target_fps, fill=fill, folding=folding
        ),
        fifos=fifos,
        frames=frames,
        verify=verify,
        out=out,
        overrides=tuple(set_ or ()),
        dry_run=dry_run,
    )


def simulate(
    accelerator: Annotated[Path, typer.Argument(help="Folder written by `hwflow build`.")],
    out: Out = None,
    seed: PauseSeed = 0,
    frames: Annotated[
        int | None, typer.Option("--frames", min=2, help="Only the first so many test frames.")
    ] = None,
    order: Annotated[
        bool, typer.Option("--order", help="Results in order of acceptance (control.order).")
    ] = False,
    shed: Annotated[
        bool, typer.Option("--shed", help="Full queues shed frames (control.shed).")
    ] = False,
    images: Annotated[
        int | None,
        typer.Option(
            "--images",
            min=2,
            help="Instead: so many images, over processes, each compared: the golden frames, then "
            "those of --from, or else golden frames moved by up to ±1 pixel with ±8 of noise, "
            "drawn from --seed.",
            show_default=False,
        ),
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Images behind the golden frames, .npy or .npz (uint8, NHWC).",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="Processes for --images.", show_default="one per core"),
    ] = None,
    vcd: Annotated[
        Path | None,
        typer.Option("--vcd", help="Write a waveform of --vcd-frames there.", show_default=False),
    ] = None,
    vcd_frames: Annotated[
        str | None,
        typer.Option(
            "--vcd-frames",
            metavar="A:B",
            help="Images A to B − 1, from the first one's first beat to the last one's result.",
            show_default="0:1",
        ),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Run the test frames, or any number of images, through the RTL; compare every integer."""
    output = start(json, verbose)
    if images is None and from_ is None and jobs is None and vcd is None and vcd_frames is None:
        commands.simulate(
            output,
            accelerator,
            out=out,
            seed=seed,
            frames=frames,
            order=order,
            shed=shed,
            dry_run=dry_run,
        )
        return
    if order or shed:
        raise ConfigError(
            "--order and --shed go with the golden check; leave out --images, --from, --jobs, --vcd"
        )
    if frames is not None:
        raise ConfigError("--frames is for the golden check; --images says how many images to send")
    volume.simulate(
        output,
        accelerator,
        out=out,
        options=volume.VolumeOptions(
            images=images, extra=from_, jobs=jobs, vcd=vcd, vcd_frames=vcd_frames, seed=seed
        ),
        dry_run=dry_run,
    )


def synth(
    accelerator: Annotated[Path, typer.Argument(help="Folder written by `hwflow build`.")],
    out: Out = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Estimate the resources of every layer with yosys."""
    commands.synth(start(json, verbose), accelerator, out=out, dry_run=dry_run)


def report(
    accelerator: Annotated[Path, typer.Argument(help="Folder written by `hwflow build`.")],
    simulation: Annotated[
        Path | None,
        typer.Option(help="Folder written by `hwflow simulate`.", show_default="beside it"),
    ] = None,
    synthesis: Annotated[
        Path | None,
        typer.Option(help="Folder written by `hwflow synth`.", show_default="beside it, if any"),
    ] = None,
    out: Out = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Write report.json and report.html."""
    commands.report(
        start(json, verbose),
        accelerator,
        simulation=simulation,
        synthesis=synthesis,
        out=out,
        dry_run=dry_run,
    )


def layers(
    accelerator: Annotated[Path, typer.Argument(help="Folder written by `hwflow build`.")],
    synthesis: Annotated[
        Path | None,
        typer.Option(help="Folder written by `hwflow synth`.", show_default="beside it, if any"),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Show where cycles, memory and resources go, layer by layer."""
    show_layers(start(json, verbose), accelerator, synthesis=synthesis, markdown=markdown)
