"""How many mutants of the controller's RTL the soak kills, and then the tests of the repository."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from multiprocessing.connection import Connection
from pathlib import Path

import jinja2

from hwflow import cascade
from hwflow.bench.cascade.build import Variants
from hwflow.bench.cascade.check import check
from hwflow.bench.cascade.mutants import Mutant, draw
from hwflow.bench.cascade.rig import RandomTraffic, Rig, run_rig, sources_of
from hwflow.bench.cascade.rigs import SOAK_RIGS
from hwflow.errors import HwflowError, ToolFailedError, VerificationError
from hwflow.log import Progress, silent
from hwflow.rtl.files import RTL_DIR
from hwflow.rtl.registers import ADDRESS_BITS

REGISTERS = "hwf_regs.sv"
REGISTERS_TEMPLATE = "templates/hwf_regs.sv.j2"
FILES = (
    *(
        f"hwf_{name}.sv"
        for name in (
            "cascade",
            "level",
            "frame_guard",
            "fork",
            "retain",
            "decide",
            "merge",
            "skid",
            "fifo",
            "gearbox",
            "top2",
            "reorder",
            "alarm",
            "soft_reset",
        )
    ),
    REGISTERS_TEMPLATE,
)
SEED, PER_FILE = 1, 4
RUNS, FRAMES = 4, 2000
# All sizes that change the logic; the others of the soak add little and take as long to compile.
RIGS = tuple(SOAK_RIGS[number] for number in (0, 1, 4, 5))
RUN_SECONDS = 120
# What a survivor of the soak meets then, in the repository's folder: the bench of its block, or
# the controller's, where it has none of its own.
BLOCK_TESTS, CONTROLLER_TESTS = "tests/rtl/test_streams.py", "tests/rtl/test_cascade.py"
WITHOUT_TESTS = frozenset({"cascade", "level", "decide", "soft_reset", "regs"})
BLOCK_SECONDS = 1500
SURVIVORS = "survivors.json"
_TESTS_FAILED = 1  # pytest's exit code; others are no verdict
_COMMENT = re.compile(r"[ \t]*//[^\n]*\n?")


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant. ``killed_by``: a rig, a test, "compiler" (no mutant then), or ""."""

    key: str
    file: str
    line: int
    operator: str
    old: str
    new: str
    killed_by: str
    told: str


def texts() -> dict[str, str]:
    """Return the text of each of FILES."""
    return {name: (RTL_DIR / name).read_text(encoding="utf-8") for name in FILES}


def code() -> dict[str, str]:
    """Return the text of each of FILES without comments."""
    return {name: _COMMENT.sub("", text) for name, text in texts().items()}


def drawn() -> list[Mutant]:
    """Return the mutants of the bench."""
    return draw(texts(), per_file=PER_FILE, seed=SEED)


def kill(
    mutants: Sequence[Mutant],
    folder: Path,
    *,
    repository: Path | None,
    progress: Progress = silent,
) -> list[Outcome]:
    """Try to kill each of ``mutants``; what ``folder`` keeps of an earlier run is not tried again.

    ``repository``: where the tests are that the survivors of the soak meet; None: they do not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    original = texts()
    judges = _judges(repository)
    found = []
    with tempfile.TemporaryDirectory(prefix="hwflow-mutants-") as scratch:
        benches = _Benches(Path(scratch))
        for number, mutant in enumerate(mutants):
            progress(f"mutant of {mutant.file}", number, len(mutants))
            changed = mutant.applied(original[mutant.file])
            file = folder / f"{_name(mutant, changed, judges)}.json"
            if file.is_file():
                found.append(Outcome(**json.loads(file.read_text("utf-8"))))
                continue
            outcome = benches.soaked(mutant, changed)
            if not outcome.killed_by and repository is not None:
                outcome = _tested(mutant, changed, repository)
            part = file.with_suffix(".part")
            part.write_text(json.dumps(asdict(outcome), indent=1) + "\n", encoding="utf-8")
            part.replace(file)
            found.append(outcome)
    return found


def explanations() -> dict[str, dict[str, str]]:
    """Return what is known of survivors: key → {"equivalent": "yes" or "no", "why": ...}."""
    text = resources.files("hwflow.bench.cascade").joinpath(SURVIVORS).read_text("utf-8")
    known: dict[str, dict[str, str]] = json.loads(text)
    return known


def _judges(repository: Path | None) -> str:
    """Return a hash of what judges a mutant beside the RTL: rigs, model, and the tests if any."""
    package, model = Path(__file__).parent, Path(cascade.__file__).parent
    files = [package / name for name in ("build.py", "check.py", "rig.py", "rigs.py")]
    files += sorted([*package.glob("*.j2"), *model.glob("*.py")])
    if repository is not None:
        files += sorted(
            [*(repository / "sim").rglob("*.py"), *(repository / "tests" / "rtl").rglob("*.py")]
        )
    digest = hashlib.sha256(f"{RUNS}\0{FRAMES}\0{RIGS}".encode())
    for file in files:
        digest.update(b"\0" + file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _name(mutant: Mutant, changed: str, judges: str) -> str:
    """Return a name for all that a mutant's outcome depends on; comments in RTL are none of it."""
    digest = hashlib.sha256(f"{mutant.file}\0{_COMMENT.sub('', changed)}\0{judges}".encode())
    for rig in RIGS:
        for name, text in sources_of(rig).items():
            if name != mutant.file:
                digest.update(f"\0{name}\0{_COMMENT.sub('', text)}".encode())
    return digest.hexdigest()[:24]


def _outcome(mutant: Mutant, killed_by: str, told: str) -> Outcome:
    return Outcome(
        mutant.key,
        mutant.file,
        mutant.line,
        mutant.operator,
        mutant.old.strip(),
        mutant.new.strip(),
        killed_by,
        told,
    )


class _Benches:
    """The rigs, each compiled but for what mutants change once it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._variants: dict[str, Variants] = {}

    def soaked(self, mutant: Mutant, changed: str) -> Outcome:
        """Return what the short soak says of ``mutant``, rig by rig until one kills it."""
        refused = []
        for rig in RIGS:
            try:
                library = self._of(rig).library(_replaced(rig, mutant.file, changed))
            except (ToolFailedError, jinja2.TemplateError) as error:
                refused.append(str(error)[-400:])
                continue
            told = _told(rig, library)
            library.unlink()
            if told:
                return _outcome(mutant, f"soak: {rig.name}", told)
        if len(refused) == len(RIGS):
            return _outcome(mutant, "compiler", refused[0])
        return _outcome(mutant, "", "the soak finds nothing")

    def _of(self, rig: Rig) -> Variants:
        if rig.name not in self._variants:
            folder = self._folder / str(len(self._variants))
            folder.mkdir()
            fresh = Variants(rig, folder)
            # A bench that the RTL as it is does not pass would kill everything.
            told = _told(rig, fresh.library({}))
            if told:
                raise HwflowError(f"{rig.name}: the RTL as it is does not pass the soak: {told}")
            self._variants[rig.name] = fresh
        return self._variants[rig.name]


def _replaced(rig: Rig, file: str, changed: str) -> Mapping[str, str]:
    if file != REGISTERS_TEMPLATE:
        return {file: changed}
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(changed)
    return {REGISTERS: template.render(map=rig.registers, address_bits=ADDRESS_BITS)}


def _told(rig: Rig, library: Path) -> str:
    """Return what the soak finds, or ""; in a process of its own, that a mutant may hang or end."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_soak, args=(rig, library, send))
    process.start()
    send.close()
    try:
        if not receive.poll(RUN_SECONDS):
            return f"no end within {RUN_SECONDS} s"
        return str(receive.recv())
    except EOFError:
        return "the simulation crashed"
    finally:
        process.kill()
        process.join()


def _soak(rig: Rig, library: Path, send: Connection) -> None:
    told = ""
    for seed in range(RUNS):
        try:
            run = run_rig(rig, library, RandomTraffic(seed, FRAMES))
            check(rig, run, what=f"{rig.name}, seed {seed}")
        except VerificationError as error:
            told = str(error)
            break
    send.send(told)


def _tested(mutant: Mutant, changed: str, repository: Path) -> Outcome:
    """Run the tests of the blocks in a copy of the repository that has the mutant."""
    with tempfile.TemporaryDirectory(prefix="hwflow-mutant-") as name:
        copy = Path(name)
        for part in ("hwflow", "sim", "tests"):
            shutil.copytree(
                repository / part, copy / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(repository / "pyproject.toml", copy)
        (copy / "hwflow" / "rtl" / mutant.file).write_text(changed, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        try:
            done = subprocess.run(
                [*command, *_tests_of(mutant)],
                cwd=copy,
                env=os.environ | {"PYTHONPATH": str(copy)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=BLOCK_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _outcome(mutant, "tests of the blocks", f"no end within {BLOCK_SECONDS} s")
    if done.returncode == 0:
        return _outcome(mutant, "", "the tests of the blocks pass")
    failed = re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    if done.returncode != _TESTS_FAILED or not failed:
        told = "\n".join([*done.stdout.splitlines(), *done.stderr.splitlines()][-15:])
        raise HwflowError(f"pytest exited with {done.returncode}, which is no verdict:\n{told}")
    # The summary alone: what is before it names folders of this machine.
    return _outcome(mutant, failed[0], done.stdout.strip().splitlines()[-1])


def _tests_of(mutant: Mutant) -> list[str]:
    """Return pytest's arguments for the tests that look at the mutant's block."""
    block = Path(mutant.file).name.partition(".")[0].removeprefix("hwf_")
    if block in WITHOUT_TESTS:
        return [CONTROLLER_TESTS, "-m", "not slow"]
    return [BLOCK_TESTS, "-k", f"test_{block}"]
