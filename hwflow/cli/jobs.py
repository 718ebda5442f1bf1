"""The steps of the flow: what each reads and what it calls.

Folders become absolute here: the simulation changes the working folder for a moment, and other
steps may run beside it.

Heavy packages are imported by the actions alone, so that parsing a command line stays fast.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hwflow.cli.step_code import CODE, TOOLS
from hwflow.config.accelerator import DESIGN_FILE, Accelerator
from hwflow.config.base import load
from hwflow.config.calibration import CalibrationRecipe
from hwflow.config.data_root import USUAL, DataRoot
from hwflow.config.dataset import is_published
from hwflow.config.design import Design, ExampleModel, InputFormat, OnnxModel
from hwflow.config.exactness import EXACTNESS_FILE, Exactness
from hwflow.config.manifest import Outcome, Step, is_complete, read, run_step
from hwflow.config.recipe import Recipe
from hwflow.config.train_options import ON_CPU, TrainOptions
from hwflow.log import Progress, silent

# Folders of one run below its root; a step finds its inputs beside its output by these names.
TRAIN, BUNDLE_DIR, ACCELERATOR = "train", "bundle", "accelerator"
SIMULATION, SYNTHESIS, REPORT = "simulation", "synthesis", "report"
VERIFICATION = "verification"
VOLUME = "volume"
CALIBRATED, CALIBRATION_FILE = "calibrated", "calibration.json"

FOLDERS = (TRAIN, BUNDLE_DIR, ACCELERATOR, SIMULATION, SYNTHESIS, REPORT)


@dataclass(frozen=True)
class Job:
    """A step and the action that fills its folder.

    ``contents``: finds those of the step, which takes long the first time.
    """

    step: Step
    action: Callable[[Path, Progress], Mapping[str, str] | None]
    contents: Callable[[Progress], Mapping[str, str]] | None = None

    def run(self, progress: Progress = silent) -> Outcome:
        """Run the step, or reuse its folder."""
        step = self._with_contents(progress)
        return run_step(step, lambda folder: self.action(folder, progress))

    def is_complete(self) -> bool:
        """Return whether the folder would be reused."""
        if self.contents is not None and read(self.step.out) is None:
            return False
        return is_complete(self._with_contents(silent))

    def _with_contents(self, progress: Progress) -> Step:
        if self.contents is None:
            return self.step
        return replace(self.step, contents=self.contents(progress))


def train_job(
    recipe: Recipe,
    *,
    out: Path,
    data: DataRoot = USUAL,
    options: TrainOptions = ON_CPU,
    known: Sequence[Path] = (),
) -> Job:
    """Train every stage of ``recipe`` on its data set, which lies below ``data``.

    ``known``: folders of other trainings, from which what is the same is taken.

    Neither the folder is an input, as what the recipe names is the same wherever it lies, nor the
    machine: what is trained already is not trained again for having another. What a folder of
    pictures holds is one: the recipe does not say it.
    """
    out = out.absolute()

    def contents(progress: Progress) -> dict[str, str]:
        from hwflow.data import load as load_data

        return {"splits": load_data(recipe.dataset, data, progress=progress).digest}

    def action(folder: Path, progress: Progress) -> dict[str, str]:
        from hwflow.train import train

        trained = train(recipe, folder, data=data, options=options, progress=progress, known=known)
        assert trained.splits is not None, "a new result has them"
        return {"splits": trained.splits}

    step = Step(
        "train",
        out,
        recipe.model_dump(mode="json"),
        packages=CODE["train"],
        tools=TOOLS["train"],
        seed=recipe.seed,
        incremental=True,
    )
    return Job(step, action, contents=None if is_published(recipe.dataset) else contents)


def export_job(recipe: Recipe, *, train_dir: Path, out: Path, data: DataRoot = USUAL) -> Job:
    """Export, check and calibrate the networks in ``train_dir``; ``data`` as in ``train_job``."""
    train_dir, out = train_dir.absolute(), out.absolute()

    def action(folder: Path, progress: Progress) -> None:
        from hwflow.export import export

        fresh = folder / "fresh"  # export wants a folder of its own
        export(recipe, train_dir, fresh, data=data, progress=progress)
        for path in fresh.iterdir():
            path.replace(folder / path.name)
        fresh.rmdir()

    step = Step(
        "export",
        out,
        recipe.model_dump(mode="json"),
        inputs={"train": train_dir},
        packages=CODE["export"],
        tools=TOOLS["export"],
        seed=recipe.seed,
    )
    return Job(step, action)


def calibrate_job(
    bundle_dir: Path, chosen: CalibrationRecipe, *, frames: Path | None, out: Path
) -> Job:
    """Give the bundle in ``bundle_dir`` thresholds for ``chosen``, and tell what they do.

    ``frames``: a file of labelled frames to choose on, instead of the bundle's validation scores.
    """
    bundle_dir, out = bundle_dir.absolute(), out.absolute()
    inputs = {"bundle": bundle_dir}
    if frames is not None:
        frames = frames.absolute()
        inputs["frames"] = frames

    def action(folder: Path, progress: Progress) -> None:
        from hwflow.lower.calibrate import calibrate
        from hwflow.report.evaluate import evaluate_both
        from hwflow.report.scored import from_bundle

        calibrate(bundle_dir, folder, chosen, frames_file=frames, progress=progress)
        told = evaluate_both(from_bundle(folder), progress=progress)
        text = told.model_dump_json(indent=2) + "\n"
        (folder / CALIBRATION_FILE).write_text(text, encoding="utf-8")

    step = Step(
        "calibrate",
        out,
        chosen.model_dump(mode="json"),
        inputs=inputs,
        packages=CODE["calibrate"],
        tools=TOOLS["calibrate"],
    )
    return Job(step, action)


def bundle_job(design: Design, *, out: Path, frames: Path | None = None) -> Job:
    """Make a one-stage bundle of the design's model: an ONNX file (path absolute) or an example.

    ``frames``: a file of golden frames, instead of random ones.
    """
    out = out.absolute()
    model = design.model
    assert model is not None, "callers take a bundle otherwise"
    inputs = {} if frames is None else {"frames": frames.absolute()}
    if isinstance(model, OnnxModel):
        from hwflow.lower.external import external_files

        file = Path(model.path)
        inputs |= {"model": file}
        inputs |= {f"weights {path.name}": path for path in external_files(file)}

    def action(folder: Path, progress: Progress) -> None:
        from hwflow.lower.bundle import write_bundle

        def write(file: Path, input_format: InputFormat) -> None:
            write_bundle(
                file,
                folder,
                name=design.name,
                input_format=input_format,
                golden=design.golden,
                frames_file=frames,
                progress=progress,
            )

        if isinstance(model, OnnxModel):
            write(Path(model.path), model.input)
            return
        with tempfile.TemporaryDirectory(prefix="hwflow-example-") as scratch:
            file = Path(scratch) / f"{model.name}.onnx"
            write(file, _write_example(model, file))

    step = Step(
        "bundle",
        out,
        {
            "name": design.name,
            "model": model.model_dump(mode="json"),
            "golden": design.golden.model_dump(mode="json"),
        },
        inputs=inputs,
        packages=CODE["bundle"],
        tools=(*TOOLS["bundle"], *(TOOLS["train"] if isinstance(model, ExampleModel) else ())),
        seed=design.golden.seed,
    )
    return Job(step, action)


def _write_example(model: ExampleModel, file: Path) -> InputFormat:
    from hwflow.export.example import write_example

    entry = write_example(model.name, file, seed=model.seed)
    return InputFormat(dtype="uint8", scale=(entry.input_scale,), shift=(0.0,))


def build_job(design: Design, *, bundle_dir: Path, out: Path) -> Job:
    """Turn a bundle into the RTL of an accelerator."""
    bundle_dir, out = bundle_dir.absolute(), out.absolute()
    inputs = {"bundle": bundle_dir}
    if design.folding is not None:
        inputs["folding"] = Path(design.folding)
    if design.fifos_file is not None:
        inputs["fifos"] = Path(design.fifos_file)

    def action(folder: Path, progress: Progress) -> None:
        from hwflow.dataflow.accelerator import BUNDLE, build
        from hwflow.dataflow.parts import warn_of_excess
        from hwflow.dataflow.stage import GRAPHS
        from hwflow.dataflow.verify import verify_graph

        build(design, bundle_dir, folder, progress=progress)
        _settle_fifos(design, folder, progress)
        told = load(Accelerator, folder / DESIGN_FILE)
        warn_of_excess(told.part, (layer.estimate for x in told.stages for layer in x.layers))
        links = verify_graph(folder / BUNDLE, folder / GRAPHS, progress=progress)
        text = Exactness(schema_version=1, links=links).model_dump_json(indent=2) + "\n"
        (folder / EXACTNESS_FILE).write_text(text, encoding="utf-8")

    step = Step(
        "build",
        out,
        design.model_dump(mode="json"),
        inputs=inputs,
        packages=CODE["build"],
        tools=TOOLS["build"],
    )
    return Job(step, action)


def _settle_fifos(design: Design, folder: Path, progress: Progress) -> None:
    """Give the FIFOs of the accelerator in ``folder`` their depths, and write them down."""
    if design.fifos == "simulated":
        from hwflow.simulate.fifos import size_fifos

        size_fifos(folder, progress=progress)
    else:
        from hwflow.config.fifos import load_fifos
        from hwflow.dataflow.fifos import keep_formula, take_given

        if design.fifos_file is None:
            keep_formula(folder)
        else:
            from hwflow.simulate.fifos import try_given

            take_given(folder, load_fifos(Path(design.fifos_file)))
            try_given(folder, progress=progress)


def verify_job(accelerator_dir: Path, *, out: Path, seed: int) -> Job:
    """Run golden frames through each stage's RTL, node by node and as a whole."""
    accelerator_dir, out = accelerator_dir.absolute(), out.absolute()

    def action(folder: Path, progress: Progress) -> None:
        from hwflow.simulate.verify import verify

        verify(accelerator_dir, folder, seed=seed, progress=progress)

    step = Step(
        "verify",
        out,
        {},
        inputs={"accelerator": accelerator_dir},
        packages=CODE["verify"],
        tools=TOOLS["verify"],
        seed=seed,
    )
    return Job(step, action)


def simulate_job(
    accelerator_dir: Path,
    *,
    out: Path,
    seed: int,
    frames: int | None = None,
    order: bool = False,
    shed: bool = False,
) -> Job:
    """Run the golden frames through the accelerator's RTL."""
    accelerator_dir, out = accelerator_dir.absolute(), out.absolute()

    def action(folder: Path, progress: Progress) -> None:
        from hwflow.simulate.step import simulate

        simulate(
            accelerator_dir,
            folder,
            seed=seed,
            frames=frames,
            order=order,
            shed=shed,
            progress=progress,
        )

    step = Step(
        "simulate",
        out,
        {"frames": frames, "order": order, "shed": shed},
        inputs={"accelerator": accelerator_dir},
        packages=CODE["simulate"],
        tools=TOOLS["simulate"],
        seed=seed,
    )
    return Job(step, action)


def volume_job(
    accelerator_dir: Path,
    *,
    out: Path,
    images: int | None,
    extra: Path | None,
    seed: int,
    workers: int | None,
) -> Job:
    """Run any number of images through the accelerator's RTL, on ``workers`` processes."""
    accelerator_dir, out = accelerator_dir.absolute(), out.absolute()
    inputs = {"accelerator": accelerator_dir}
    if extra is not None:
        extra = extra.absolute()
        inputs["frames"] = extra

    def action(folder: Path, progress: Progress) -> None:
        from hwflow.simulate.volume import simulate_volume

        simulate_volume(
            accelerator_dir,
            folder,
            images=images,
            extra=extra,
            seed=seed,
            jobs=workers,
            progress=progress,
        )

    step = Step(
        "volume",
        out,
        {"images": images},
        inputs=inputs,
        packages=CODE["volume"],
        tools=TOOLS["volume"],
        seed=seed,
    )
    return Job(step, action)


def synth_job(accelerator_dir: Path, *, out: Path) -> Job:
    """Estimate the resources of each of the accelerator's blocks."""
    accelerator_dir, out = accelerator_dir.absolute(), out.absolute()

    def action(folder: Path, progress: Progress) -> None:
        from hwflow.synth.step import synth

        synth(accelerator_dir, folder, progress=progress)

    step = Step(
        "synth",
        out,
        {},
        inputs={"accelerator": accelerator_dir},
        packages=CODE["synth"],
        tools=TOOLS["synth"],
    )
    return Job(step, action)


def report_job(
    *, accelerator_dir: Path, simulation_dir: Path, synthesis_dir: Path | None, out: Path
) -> Job:
    """Collect everything into ``report.json`` and ``report.html``."""
    accelerator_dir, simulation_dir = accelerator_dir.absolute(), simulation_dir.absolute()
    out = out.absolute()
    inputs = {"accelerator": accelerator_dir, "simulation": simulation_dir}
    if synthesis_dir is not None:
        synthesis_dir = synthesis_dir.absolute()
        inputs["synthesis"] = synthesis_dir

    def action(folder: Path, progress: Progress) -> None:
        from hwflow.report import make_report

        make_report(
            accelerator_dir=accelerator_dir,
            simulation_dir=simulation_dir,
            synthesis_dir=synthesis_dir,
            out_dir=folder,
            progress=progress,
        )

    step = Step("report", out, {}, inputs=inputs, packages=CODE["report"], tools=TOOLS["report"])
    return Job(step, action)
