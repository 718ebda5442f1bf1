"""Commands of ``hwflow`` and what happens when one fails."""

from __future__ import annotations

import errno
import sys
import traceback
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.exceptions import Abort, Exit, TyperException

from hwflow import errors, log
from hwflow.cli import bench, commands, volume
from hwflow.cli.calibrate import Target
from hwflow.cli.calibrate import calibrate as run_calibrate
from hwflow.cli.data import data as show_data
from hwflow.cli.evaluate import EvaluateOptions
from hwflow.cli.evaluate import evaluate as run_evaluate
from hwflow.cli.folding_options import FoldingOptions
from hwflow.cli.layers import layers as show_layers
from hwflow.cli.model_options import ModelOptions
from hwflow.cli.output import Output
from hwflow.cli.train import train as run_train
from hwflow.config.data_root import DataRoot
from hwflow.config.train_options import (
    CHECKPOINT_SECONDS,
    DEFAULT_THREADS,
    DeviceKind,
    TrainOptions,
)
from hwflow.config.training import Precision
from hwflow.errors import ConfigError, HwflowError, ToolNotFoundError, VerificationError

INTERRUPTED = 130
NO_ACCESS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG}

app = typer.Typer(
    name="hwflow",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="From PyTorch to FPGA: cascades of mixed-precision networks as streaming RTL, verified.",
)

bench_app = typer.Typer(
    no_args_is_help=True, help="Measure what hwflow claims: figures, goals, provenance."
)
app.add_typer(bench_app, name="bench")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Verbose = Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more; repeat.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder to write.", show_default=False)]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, help="Replaces the recipe's seed.", show_default=False),
]
PauseSeed = Annotated[
    int, typer.Option("--seed", min=0, help="Seed of random pauses, and of varied images.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="Replace one value; repeat for more."),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Folder of the data sets.", show_default="$HWFLOW_DATA"
    ),
]
Download = Annotated[
    bool, typer.Option("--download", help="Fetch what the data set lacks from its publisher.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would run, and stop.")]


class _State:
    """What ``main`` needs to know after a command has failed; made anew for each call."""

    def __init__(self) -> None:
        self.output: Output | None = None
        self.verbosity = 0

    def reset(self) -> None:
        """Forget the call before."""
        self.output, self.verbosity = None, 0

    def close(self) -> None:
        """Give stdout back, if a command has taken it."""
        if self.output is not None:
            self.output.close()


_state = _State()


def _start(as_json: bool, verbosity: int) -> Output:
    _state.verbosity = verbosity
    _state.output = Output(as_json=as_json, verbosity=verbosity)
    log.configure(verbosity)
    if not verbosity:
        warnings.filterwarnings("ignore")  # torch's and brevitas', about themselves
    return _state.output


@app.command()
def demo(
    out: Out = None,
    seed: Seed = None,
    set_: Set = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Train, build and prove the two-stage digits cascade, and write a report."""
    commands.demo(
        _start(json, verbose), out=out, seed=seed, overrides=tuple(set_ or ()), dry_run=dry_run
    )


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="recipe.yaml")],
    data: Data = None,
    download: Download = False,
    device: Annotated[
        DeviceKind, typer.Option("--device", help="Where to train.")
    ] = DeviceKind.CPU,
    devices: Annotated[
        int, typer.Option("--devices", min=1, help="How many of them, one process each.")
    ] = 1,
    threads: Annotated[
        int, typer.Option("--threads", min=1, help="Threads of torch in each process.")
    ] = DEFAULT_THREADS,
    precision: Annotated[
        Precision | None,
        typer.Option("--precision", help="Replaces the stages' own.", show_default=False),
    ] = None,
    checkpoint_seconds: Annotated[
        float,
        typer.Option("--checkpoint-seconds", min=0, help="Work that a kill may cost at most."),
    ] = CHECKPOINT_SECONDS,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write event files beside the CSV.")
    ] = False,
    out: Out = None,
    seed: Seed = None,
    set_: Set = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Train the stages of a recipe; after an interruption, the same line goes on."""
    run_train(
        _start(json, verbose),
        recipe,
        data=DataRoot(data, download=download),
        out=out,
        seed=seed,
        precision=precision,
        overrides=tuple(set_ or ()),
        options=TrainOptions(
            threads=threads,
            device=device,
            devices=devices,
            checkpoint_seconds=checkpoint_seconds,
            tensorboard=tensorboard,
        ),
        dry_run=dry_run,
    )


@app.command("data")
def data_(
    what: Annotated[str, typer.Argument(help="Name of a data set, such as mnist, or recipe.yaml.")],
    data: Data = None,
    download: Download = False,
    set_: Set = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Verify the files of a data set, and show its splits and classes."""
    show_data(
        _start(json, verbose),
        what,
        root=DataRoot(data, download=download),
        overrides=tuple(set_ or ()),
    )


@app.command()
def export(
    train_dir: Annotated[Path, typer.Argument(help="Folder written by `hwflow train`.")],
    data: Data = None,
    out: Out = None,
    set_: Set = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Export trained stages as QONNX, check them, choose the thresholds."""
    commands.export(
        _start(json, verbose),
        train_dir,
        data=DataRoot(data),
        out=out,
        overrides=tuple(set_ or ()),
        dry_run=dry_run,
    )


@app.command()
def evaluate(
    source: Annotated[
        Path, typer.Argument(help="Folder written by `hwflow export` or `hwflow train`.")
    ],
    split: Annotated[
        str, typer.Option("--split", metavar="test|validation", help="Frames to measure on.")
    ] = "test",
    score: Annotated[
        list[str] | None,
        typer.Option(
            "--score",
            metavar="NAME",
            help="Confidence to compare: margin, max_softmax, neg_entropy, gbvsb_M_N; "
            "repeat for more.",
            show_default="all",
        ),
    ] = None,
    resamples: Annotated[
        int, typer.Option("--resamples", min=20, help="Draws of the bootstrap.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")] = 0,
    data: Data = None,
    set_: Set = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Measure stages and cascade on one split: accuracy, intervals, work, scores, curves.

    The test split is only measured: thresholds and temperatures come from validation frames.
    """
    run_evaluate(
        _start(json, verbose),
        source,
        data=DataRoot(data),
        options=EvaluateOptions(
            split=split,
            scores=tuple(score or ()),
            resamples=resamples,
            seed=seed,
            overrides=tuple(set_ or ()),
        ),
    )


@app.command()
def calibrate(
    bundle: Annotated[Path, typer.Argument(help="Folder written by `hwflow export`.")],
    eps: Annotated[
        float | None,
        typer.Option(
            "--eps", help="Lose at most so much accuracy, a fraction.", show_default=False
        ),
    ] = None,
    criterion: Annotated[
        str | None,
        typer.Option(
            "--criterion",
            metavar="accuracy|losses",
            help="What --eps counts: the difference of accuracies, or frames lost.",
            show_default="accuracy",
        ),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            "--confidence",
            help="Keep --eps on new frames too, with this confidence, such as 0.95.",
            show_default=False,
        ),
    ] = None,
    target_accuracy: Annotated[
        float | None,
        typer.Option(
            "--target-accuracy", help="Reach this accuracy, a fraction.", show_default=False
        ),
    ] = None,
    target_exit_rate: Annotated[
        str | None,
        typer.Option(
            "--target-exit-rate",
            metavar="RATE[,RATE]",
            help="Let so many of the frames that reach a decision leave there, a fraction; one "
            "number, or one per stage but the last.",
            show_default=False,
        ),
    ] = None,
    target_bops: Annotated[
        float | None,
        typer.Option(
            "--target-bops", help="Take at most so many BOPs per frame.", show_default=False
        ),
    ] = None,
    score: Annotated[
        str,
        typer.Option(
            "--score",
            metavar="NAME",
            help="margin, as in hardware; or another, to see what it would do.",
        ),
    ] = "margin",
    frames: Annotated[
        Path | None,
        typer.Option(
            "--frames",
            metavar="FILE.npz",
            help="Labelled frames to choose on: arrays 'frames' (uint8, NHWC) and 'label'.",
            show_default="the bundle's validation scores",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder to write.", show_default="calibrated, beside BUNDLE"),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Choose other thresholds for a bundle, on validation frames; write it with them."""
    run_calibrate(
        _start(json, verbose),
        bundle,
        target=Target(
            eps=eps,
            criterion=criterion,
            confidence=confidence,
            accuracy=target_accuracy,
            exit_rate=target_exit_rate,
            bops=target_bops,
        ),
        score=score,
        frames=frames,
        out=out,
        dry_run=dry_run,
    )


@app.command()
def build(
    source: Annotated[Path, typer.Argument(help="design.yaml, or a quantised model.onnx")],
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", help="Folder written by `hwflow export`.", show_default=False),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option("--board", help="For model.onnx: pynq-z1, pynq-z2.", show_default=False),
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
        _start(json, verbose),
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


@app.command()
def simulate(
    accelerator: Annotated[Path, typer.Argument(help="Folder written by `hwflow build`.")],
    out: Out = None,
    seed: PauseSeed = 0,
    frames: Annotated[
        int | None, typer.Option("--frames", min=2, help="Only the first so many test frames.")
    ] = None,
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
    output = _start(json, verbose)
    if images is None and from_ is None and jobs is None and vcd is None and vcd_frames is None:
        commands.simulate(output, accelerator, out=out, seed=seed, frames=frames, dry_run=dry_run)
        return
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


@app.command()
def synth(
    accelerator: Annotated[Path, typer.Argument(help="Folder written by `hwflow build`.")],
    out: Out = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Estimate the resources of every layer with yosys."""
    commands.synth(_start(json, verbose), accelerator, out=out, dry_run=dry_run)


@app.command()
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
        _start(json, verbose),
        accelerator,
        simulation=simulation,
        synthesis=synthesis,
        out=out,
        dry_run=dry_run,
    )


@app.command()
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
    show_layers(_start(json, verbose), accelerator, synthesis=synthesis, markdown=markdown)


@bench_app.command("generator")
def bench_generator(
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="SECTION", help="Measure this section; repeat for more."),
    ] = None,
    builds: Annotated[Path, typer.Option("--builds", help="Folder of the designs.")] = bench.BUILDS,
    record: Annotated[
        Path | None,
        typer.Option(help="File that keeps the figures.", show_default="figures.json in --out"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to work in.")] = bench.OUT,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Measure the accelerator generator; accelerators made before are reused."""
    bench.generator(
        _start(json, verbose), builds=builds, out=out, record=record, only=tuple(only or ())
    )


@bench_app.command("cascade")
def bench_cascade(
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="SECTION", help="Measure this section; repeat for more."),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(help="File that keeps the figures.", show_default="figures.json in --out"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to work in.")] = bench.CASCADE_OUT,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Measure the cascade controller: soak, throughput, latency, area, mutants."""
    bench.cascade(_start(json, verbose), out=out, record=record, only=tuple(only or ()))


@bench_app.command("document")
def bench_document(
    path: Annotated[Path, typer.Argument(help="The document, such as README.md.")],
    record: Annotated[Path, typer.Option(help="The record of a bench.")] = bench.RECORD,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Write the tables of a recorded `hwflow bench generator` into a document."""
    bench.document(_start(json, verbose), path, record=record)


@bench_app.command("cost")
def bench_cost(
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit the cost models anew to their runs first.")
    ] = False,
    runs: Annotated[
        bool,
        typer.Option("--runs", help="Synthesise what has changed, up to an hour; then fit anew."),
    ] = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Tell how well the cost models fit the runs behind them."""
    bench.cost(_start(json, verbose), runs=runs, refit=refit)


@app.command()
def doctor(json: Json = False, verbose: Verbose = 0) -> None:
    """List tools and versions, and what the absence of each disables."""
    commands.doctor(_start(json, verbose))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    given = sys.argv[1:] if arguments is None else arguments
    _state.reset()
    status = _run(given)
    _state.close()
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    try:
        # Outside of standalone mode an Exit comes back as a value.
        status = app(arguments, standalone_mode=False)
        if status == INTERRUPTED:  # typer's own view of Ctrl-C
            return _interrupted(arguments)
        return status if isinstance(status, int) else 0
    except Exit as error:
        return error.exit_code
    except TyperException as error:
        show = getattr(error, "show", None)
        if show is None:
            _say(escape(error.format_message()))
        else:
            show()
        if "--json" in arguments:
            _describe(arguments, ConfigError(error.format_message()))
        return 2
    except (KeyboardInterrupt, Abort):
        return _interrupted(arguments)
    except HwflowError as error:
        return _fail(arguments, error)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("hwflow"):
            return _bug(arguments, error)
        return _fail(arguments, _missing_package(error))
    except OSError as error:
        known = _disk_error(error)
        return _bug(arguments, error) if known is None else _fail(arguments, known)
    except Exception as error:
        return _bug(arguments, error)


def _missing_package(error: ModuleNotFoundError) -> ToolNotFoundError:
    return ToolNotFoundError(
        f"Python package {error.name!r}",
        disables="this command cannot run",
        install="pip install hwflow[all], and see `hwflow doctor`",
    )


def _disk_error(error: OSError) -> ConfigError | None:
    where = error.filename or "the output folder"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ConfigError(
            f"{where}: no space left on the device; free some and run the same command again "
            "(finished steps are kept), or choose another folder with --out"
        )
    if error.errno in NO_ACCESS:
        return ConfigError(
            f"{where}: cannot be read or written ({error.strerror}); "
            "check its permissions, or choose another folder with --out"
        )
    return None


def _fail(arguments: list[str], error: HwflowError) -> int:
    if _state.verbosity:
        traceback.print_exception(error)
    _say(f"[bold red]error:[/] {escape(str(error))}")
    _describe(arguments, error)
    return error.exit_code


def _interrupted(arguments: list[str]) -> int:
    _say(
        "[bold yellow]interrupted[/]: finished steps are kept; "
        "run the same command again to go on from here"
    )
    if "--json" in arguments:
        _print_json({"error": {"type": "Interrupted", "message": "interrupted by the user"}})
    return INTERRUPTED


def _bug(arguments: list[str], error: Exception) -> int:
    traceback.print_exception(error)
    _say("[bold red]this is a bug in hwflow[/]: please report it with the lines above")
    if "--json" in arguments:
        _print_json({"error": {"type": type(error).__name__, "message": str(error)}})
    return 1


def _describe(arguments: list[str], error: HwflowError) -> None:
    """With --json stdout still holds exactly one object when a command fails."""
    if "--json" not in arguments:
        return
    # Sub-packages may have errors of their own; users know those of hwflow.errors.
    known = next(base for base in type(error).__mro__ if base.__module__ == errors.__name__)
    told: dict[str, Any] = {"type": known.__name__, "message": str(error)}
    if isinstance(error, VerificationError):
        told |= {"link": error.link, "frame": error.sample}
        _print_json({"error": told, "compared": error.compared, "mismatches": error.mismatches})
        return
    _print_json({"error": told})


def _print_json(data: dict[str, Any]) -> None:
    if _state.output is None:
        _state.output = Output(as_json=True, verbosity=0)
    _state.output.as_json = True
    _state.output.result(data)


def _say(text: str) -> None:
    from rich.console import Console

    Console(stderr=True, emoji=False).print(text, highlight=False, soft_wrap=True)
