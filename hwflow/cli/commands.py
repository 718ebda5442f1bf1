"""What each command does once its line is parsed: make a job, run it, say what came out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from typer.exceptions import Exit

from hwflow.cli import jobs, render
from hwflow.cli.background import Background
from hwflow.cli.doctor import examine
from hwflow.cli.files import demo_file, finished, read_design, read_recipe, trained_recipe
from hwflow.cli.folding_options import FoldingOptions, with_fifos
from hwflow.cli.jobs import Job
from hwflow.cli.model_options import ModelOptions, is_bundle, read_source
from hwflow.cli.output import Output, Stopwatch, shown
from hwflow.config.accelerator import DESIGN_FILE
from hwflow.config.bundle import Link, load_bundle
from hwflow.config.data_root import DataRoot
from hwflow.config.design import Design, OnnxModel
from hwflow.config.exactness import EXACTNESS_FILE
from hwflow.config.fifos import load_fifos
from hwflow.config.folding import read_folding
from hwflow.config.manifest import Outcome
from hwflow.config.simulation import SIMULATION_FILE
from hwflow.config.synthesis import SYNTHESIS_FILE
from hwflow.config.verification import VERIFICATION_FILE
from hwflow.errors import ConfigError, ToolNotFoundError

OUT = Path("out")
Data = dict[str, Any]


def work(output: Output, job: Job) -> tuple[Outcome, float]:
    """Run one job and say so; return how it ended and its seconds."""
    watch = Stopwatch()
    with output.progress(job.step.name) as progress:
        outcome = job.run(progress)
    how = "unchanged" if outcome.reused else f"done in {watch.seconds} s"
    output.note(f"[bold]{job.step.name:<9}[/] {how:<16} {shown(job.step.out)}")
    return outcome, watch.seconds


def single(output: Output, job: Job, details: Callable[[], Data], *, dry_run: bool) -> None:
    """Run one job and print its result."""
    data: Data = {"command": job.step.name, "out": shown(job.step.out)}
    if dry_run:
        action = "reuse" if job.is_complete() else "run"
        output.result({**data, "dry_run": True, "action": action}, f"{job.step.name}: {action}")
        return
    outcome, seconds = work(output, job)
    data |= {
        "reused": outcome.reused,
        "seconds": seconds,
        "input_hash": outcome.manifest.input_hash,
        **details(),
    }
    output.result(data, render.details(data))


def read_json(path: Path) -> Data:
    """Return the JSON object in ``path``, which a step has written."""
    data: Data = json.loads(path.read_text(encoding="utf-8"))
    return data


def _totals(links: Sequence[Link]) -> Data:
    """Return what was compared, in all and link by link."""
    return {
        "compared": sum(link.compared for link in links),
        "mismatches": sum(link.mismatches for link in links),
        "exactness": [link.model_dump() for link in links],
    }


def export(
    output: Output,
    train_dir: Path,
    *,
    data: DataRoot,
    out: Path | None,
    overrides: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Export a training."""
    recipe = trained_recipe(train_dir, overrides=overrides)
    folder = out or train_dir.parent / jobs.BUNDLE_DIR

    def details() -> Data:
        bundle = load_bundle(folder)
        cascade = bundle.cascade.model_dump() if bundle.cascade else None
        return {
            "threshold_int": list(bundle.policy.threshold_int),
            "cascade": cascade,
            "stages": [
                {"name": stage.name, "accuracy": stage.accuracy and stage.accuracy.model_dump()}
                for stage in bundle.stages
            ],
            **_totals(bundle.exactness),
        }

    job = jobs.export_job(recipe, train_dir=train_dir, out=folder, data=data)
    single(output, job, details, dry_run=dry_run)


def build(
    output: Output,
    source: Path,
    *,
    bundle: Path | None,
    options: ModelOptions,
    folding: FoldingOptions,
    fifos: str | None,
    frames: Path | None,
    verify: bool,
    out: Path | None,
    overrides: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Build an accelerator from a bundle, a design's own model, or an ONNX file."""
    told = folding.applied(read_source(source, options, overrides=overrides))
    told = with_fifos(told, fifos)
    if told.folding is not None:
        read_folding(Path(told.folding))  # a file that is none is named before anything starts
    if told.fifos_file is not None:
        load_fifos(Path(told.fifos_file))  # likewise
    chain = []
    if bundle is not None and options.board is not None:
        raise ConfigError(f"--bundle goes with a design, and {source} is a network by itself")
    if is_bundle(source):
        bundle = source
    if bundle is not None:
        ModelOptions().refuse_with("a bundle", frames=frames)
        load_bundle(bundle)  # a damaged bundle is named before anything starts
        folder = out or bundle.absolute().parent / jobs.ACCELERATOR
    elif told.model is not None:
        folder = (out or OUT / told.name) / jobs.ACCELERATOR
        bundle = folder.parent / jobs.BUNDLE_DIR
        chain.append(jobs.bundle_job(told, out=bundle, frames=frames))
    else:
        raise ConfigError(
            f"{source}: names no model; add one to it, or give a bundle with --bundle "
            "(`hwflow export` writes one)"
        )
    chain.append(jobs.build_job(told, bundle_dir=bundle, out=folder))
    verification = folder.parent / jobs.VERIFICATION
    if verify:
        chain.append(jobs.verify_job(folder, out=verification, seed=told.golden.seed))

    def details() -> Data:
        data = {"command": "build", "out": shown(folder), "rtl_verified": verify}
        data |= _build_details(folder)
        return data | _verification_details(verification) if verify else data

    if dry_run and len(chain) > 1:
        _plan(output, folder.parent, chain, command="build")
        return
    *before, last = chain
    for job in before:
        work(output, job)
        if job.step.name == "bundle":
            _tell_input(output, told, bundle)
    single(output, last, details, dry_run=dry_run)


def _tell_input(output: Output, design: Design, folder: Path) -> None:
    """Say what was taken for the input where the user left it open."""
    if isinstance(design.model, OnnxModel) and design.model.input.scale is None:
        bundle = load_bundle(folder)
        told = bundle.input
        output.note(
            f"input: float = {told.dtype} × {_few(told.scale)} + {_few(told.shift)} "
            f"({escape(bundle.provenance['input'])}); if the network was trained on another range, "
            "say so, e.g. --input-scale 1/255"
        )


def _few(values: tuple[float, ...]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else f"({', '.join(f'{v:g}' for v in values)})"


def _build_details(folder: Path) -> Data:
    design = read_json(folder / DESIGN_FILE)
    bundle = load_bundle(folder / design["bundle"])
    links = [Link(**link) for link in read_json(folder / EXACTNESS_FILE)["links"]]
    return {
        "input": bundle.input.model_dump(mode="json"),
        "top": design["top"],
        "ii_bound_cycles": [stage["ii_bound_cycles"] for stage in design["stages"]],
        "retention_frames": design["retention_frames"],
        "queue_frames": design["queue_frames"],
        "reorder_frames": design["reorder_frames"],
        "last_frames": design["last_frames"],
        **_totals(links),
    }


def _verification_details(folder: Path) -> Data:
    result = read_json(folder / VERIFICATION_FILE)
    links = [Link(**link) for link in result["exactness"]]
    return {"n": result["n"], "stages": result["stages"], **_totals(links)}


def simulate(
    output: Output,
    accelerator: Path,
    *,
    out: Path | None,
    seed: int,
    frames: int | None,
    order: bool,
    shed: bool,
    dry_run: bool,
) -> None:
    """Simulate an accelerator."""
    folder = out or accelerator.parent / jobs.SIMULATION
    job = jobs.simulate_job(
        accelerator, out=folder, seed=seed, frames=frames, order=order, shed=shed
    )
    single(output, job, lambda: _simulation_details(folder), dry_run=dry_run)


def _simulation_details(folder: Path) -> Data:
    result = read_json(folder / SIMULATION_FILE)
    links = [Link(**link) for link in result["exactness"]]
    return {
        "n": result["n"],
        "seed": result["pauses"]["seed"],
        "stages": result["stages"],
        "cascade": result["cascade"],
        **_totals(links),
    }


def synth(output: Output, accelerator: Path, *, out: Path | None, dry_run: bool) -> None:
    """Estimate resources."""
    folder = out or accelerator.parent / jobs.SYNTHESIS
    job = jobs.synth_job(accelerator, out=folder)

    def details() -> Data:
        result = read_json(folder / SYNTHESIS_FILE)
        return {"tool": result["tool"], "script": result["command"], "blocks": result["blocks"]}

    single(output, job, details, dry_run=dry_run)


def report(
    output: Output,
    accelerator: Path,
    *,
    simulation: Path | None,
    synthesis: Path | None,
    out: Path | None,
    dry_run: bool,
) -> None:
    """Write the report."""
    if not (accelerator / DESIGN_FILE).is_file():
        raise ConfigError(
            f"{accelerator}: no accelerator (no {DESIGN_FILE} in it); `hwflow build` makes one"
        )
    simulation = simulation or accelerator.parent / jobs.SIMULATION
    finished(simulation, "simulate")
    beside = accelerator.parent / jobs.SYNTHESIS
    if synthesis is None and (beside / SYNTHESIS_FILE).is_file():
        synthesis = beside
    folder = out or accelerator.parent / jobs.REPORT
    job = jobs.report_job(
        accelerator_dir=accelerator,
        simulation_dir=simulation,
        synthesis_dir=synthesis,
        out=folder,
    )
    if dry_run:
        single(output, job, dict, dry_run=True)
        return
    work(output, job)
    _show_report(output, folder, {"command": "report", "out": str(folder)})


def _show_report(output: Output, folder: Path, data: Data) -> None:
    from hwflow.report import REPORT_HTML, REPORT_JSON, read_report, summary

    content = read_json(folder / REPORT_JSON)
    html = folder / REPORT_HTML
    data |= {"report": content, "html": str(html)}
    data |= _totals([Link(**link) for link in content["exactness"]])
    output.result(data, *summary(read_report(folder)), f"Report: [bold]{html}[/]")


def demo(
    output: Output,
    *,
    out: Path | None,
    seed: int | None,
    overrides: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Run the whole flow on the digits cascade."""
    watch = Stopwatch()
    recipe = read_recipe(demo_file("models", "recipe.yaml"), seed=seed, overrides=overrides)
    design = read_design(demo_file("builds", "design.yaml"), overrides=())
    root = out or OUT / recipe.name
    folders = {name: root / name for name in jobs.FOLDERS}
    training = jobs.train_job(recipe, out=folders[jobs.TRAIN])
    exporting = jobs.export_job(recipe, train_dir=folders[jobs.TRAIN], out=folders[jobs.BUNDLE_DIR])
    building = jobs.build_job(
        design, bundle_dir=folders[jobs.BUNDLE_DIR], out=folders[jobs.ACCELERATOR]
    )
    simulating = jobs.simulate_job(
        folders[jobs.ACCELERATOR], out=folders[jobs.SIMULATION], seed=recipe.seed
    )
    synthesising = jobs.synth_job(folders[jobs.ACCELERATOR], out=folders[jobs.SYNTHESIS])
    chain = [training, exporting, building, simulating, synthesising]
    if dry_run:
        _plan(output, root, chain)
        return
    # Training leaves one core to yosys, whose first run compiles it.
    with Background(_prepare_yosys if not training.is_complete() else _nothing):
        steps = [_step_row(job, *work(output, job)) for job in (training, exporting, building)]
    # yosys needs one core and a minute; so does the simulation's compiler.
    with Background(synthesising.run) as background:
        steps.append(_step_row(simulating, *work(output, simulating)))
        synthesis: Path | None = folders[jobs.SYNTHESIS]
        try:
            synthesised = background.wait()
            steps.append(_step_row(synthesising, synthesised, background.seconds))
            how = "unchanged" if synthesised.reused else f"done in {background.seconds} s"
            output.note(f"[bold]{'synth':<9}[/] {how:<16} {synthesis}")
        except ToolNotFoundError as error:
            output.note(f"[yellow]synth skipped[/]: {escape(str(error))}")
            synthesis = None
    reporting = jobs.report_job(
        accelerator_dir=folders[jobs.ACCELERATOR],
        simulation_dir=folders[jobs.SIMULATION],
        synthesis_dir=synthesis,
        out=folders[jobs.REPORT],
    )
    steps.append(_step_row(reporting, *work(output, reporting)))
    data: Data = {
        "command": "demo",
        "out": str(root),
        "seconds": watch.seconds,
        "steps": steps,
        "reused": all(step["reused"] for step in steps),
    }
    _show_report(output, folders[jobs.REPORT], data)


def _prepare_yosys() -> None:
    from hwflow.synth.yosys import Yosys

    Yosys().prepare()


def _nothing() -> None:
    """Nothing to prepare."""


def _step_row(job: Job, outcome: Outcome, seconds: float) -> Data:
    return {"step": job.step.name, "reused": outcome.reused, "seconds": seconds}


def _plan(output: Output, root: Path, chain: Sequence[Job], *, command: str = "demo") -> None:
    """Say what would run; once a step has to run, so has whatever reads its result."""
    rows, stale = [], False
    for job in chain:
        stale = stale or not all(path.exists() for path in job.step.inputs.values())
        stale = stale or not job.is_complete()
        rows.append({"step": job.step.name, "action": "run" if stale else "reuse"})
    text = "\n".join(f"{row['step']:<9} {row['action']}" for row in rows)
    output.result({"command": command, "out": str(root), "dry_run": True, "steps": rows}, text)


def doctor(output: Output) -> None:
    """List the tools; exit with 3 if the main job cannot run."""
    tools = examine()
    missing = [tool for tool in tools if tool.needed and not tool.found]
    data = {
        "command": "doctor",
        "ready": not missing,
        "tools": [
            {
                "name": tool.name,
                "found": tool.found,
                "version": tool.version,
                "needed": tool.needed,
                "disables": tool.disables,
                "install": tool.install,
            }
            for tool in tools
        ],
    }
    output.result(data, render.tools(tools))
    if missing:
        names = ", ".join(tool.name for tool in missing)
        output.note(f"[bold red]missing[/]: {names}; the main job cannot run without")
        raise Exit(ToolNotFoundError.exit_code)
