"""The plugin where its users have it: from the wheel, in an environment of their own."""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT
from small_network import tamper, write_network

from hwflow import pytest_plugin
from hwflow.cache import cache_dir

EXAMPLE = ROOT / "docs" / "examples" / "ci"


class Project:
    """A project outside of the repository, with an environment that has hwflow from its wheel."""

    def __init__(self, place):
        self.folder = place / "my-network"
        shutil.copytree(EXAMPLE, self.folder)
        write_network(self.folder / "model.onnx")
        self.cache = place / "cache"
        self.cache.mkdir()
        # Verilator's runtime is the same everywhere, and takes longer to compile than the rest.
        (self.cache / "verilator").symlink_to(cache_dir("verilator"))
        self._install(place)

    def _install(self, place):
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
        subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
        (wheel,) = place.glob("*.whl")
        venv.create(place / "env", symlinks=True)
        self.python = place / "env" / "bin" / "python"
        install = ("-m", "pip", "--python", str(self.python), "install", "--no-deps", "--no-index")
        subprocess.run([sys.executable, *install, str(wheel)], check=True, capture_output=True)
        # What hwflow depends on comes from the environment of this test. A .pth file in a folder
        # that a .pth file names is not read, so an editable hwflow stays out.
        (site,) = (place / "env").glob("lib/python3*/site-packages")
        others = [path for path in sys.path if path.endswith("-packages")]
        (site / "dependencies.pth").write_text("\n".join(others))

    def run(self, *arguments, cwd=None):
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [self.python, *arguments],
            cwd=cwd or self.folder,
            env={**env, "HWFLOW_CACHE": str(self.cache)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def pytest(self, *arguments, cwd=None):
        return self.run("-m", "pytest", "-p", "no:cacheprovider", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="module")
def first(project):
    """The first run of the example's tests, which builds the accelerator."""
    return project.pytest()


def test_hwflow_comes_from_the_wheel(project):
    done = project.run("-c", "import hwflow; print(hwflow.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(project.python.parents[1]), done.stderr


def test_who_does_not_use_the_plugin_does_not_wait_for_it(project):
    code = (
        "import sys, pytest\n"
        "status = pytest.main(['--collect-only', '-q'])\n"
        "heavy = {'torch', 'onnx', 'qonnx', 'finn', 'brevitas', 'typer', 'hwflow.cli'}\n"
        "print('loaded', heavy & set(sys.modules), 'hwflow.pytest_plugin' in sys.modules)\n"
    )
    plain = project.folder.parent / "plain"
    plain.mkdir()
    (plain / "test_plain.py").write_text("def test_nothing():\n    pass\n")
    done = subprocess.run(
        [project.python, "-c", code], cwd=plain, capture_output=True, text=True, check=False
    )
    assert "loaded set() True" in done.stdout, done.stdout + done.stderr


@pytest.mark.finn
@pytest.mark.sim
def test_the_example_passes_with_exact_rtl(first):
    assert first.returncode == 0, first.stdout + first.stderr
    assert "3 passed" in first.stdout
    assert "model.onnx: built," in first.stdout


@pytest.mark.finn
@pytest.mark.parametrize(
    "option", ['fifos="no.json"', 'folding="no.json"', 'overrides=["fifos=no.json"]']
)
def test_paths_are_relative_to_the_root_folder(project, tmp_path, option):
    test = project.folder / "tests" / "test_paths.py"
    test.write_text(
        "def test_paths(hwflow_accelerator):\n"
        "    told = dict(board='pynq-z2', bundle=None, frames=None)\n"
        f'    hwflow_accelerator("model.onnx", {option}, **told)\n'
    )
    done = project.pytest(str(test), "--rootdir", str(project.folder), cwd=tmp_path)
    test.unlink()
    assert f"ConfigError: {project.folder / 'no.json'}: " in done.stdout, done.stdout + done.stderr


def test_what_workers_tell_is_told_once():
    """As pytest-xdist calls the hooks: in two workers, then beside them."""
    workers = []
    for name in ("a", "b"):
        config = SimpleNamespace(stash=pytest.Stash(), workeroutput={})
        config.stash[pytest_plugin._TOLD] = ["both: built, x", f"{name}: built, y"]
        pytest_plugin.pytest_sessionfinish(SimpleNamespace(config=config))
        workers.append(config.workeroutput)
    main = SimpleNamespace(stash=pytest.Stash())
    for output in workers:
        pytest_plugin.pytest_testnodedown(SimpleNamespace(config=main, workeroutput=output), None)
    pytest_plugin.pytest_testnodedown(SimpleNamespace(config=main), "crashed")
    lines = []
    reporter = SimpleNamespace(section=lines.append, line=lines.append)
    pytest_plugin.pytest_terminal_summary(reporter, main)
    assert lines == ["hwflow accelerators", "both: built, x", "a: built, y", "b: built, y"]


@pytest.mark.finn
@pytest.mark.sim
def test_the_second_run_builds_nothing(project, first):
    libraries = sorted((project.cache / "models").glob("*/*.so"))
    again = project.pytest("--hwflow-images", "300")
    assert "3 passed" in again.stdout, again.stdout + again.stderr
    assert "model.onnx: from the cache," in again.stdout
    assert sorted((project.cache / "models").glob("*/*.so")) == libraries


@pytest.mark.finn
@pytest.mark.sim
def test_a_tampered_weight_is_named_with_its_frame(project, first):
    (built,) = re.findall(r"model\.onnx: built, (.*)", first.stdout)
    shutil.copytree(built, project.folder / "tampered")
    tamper(project.folder / "tampered")
    test = project.folder / "tests" / "test_tampered.py"
    test.write_text(
        "def test_tampered(hwflow_accelerator):\n"
        '    hwflow_accelerator("tampered").assert_exact()\n'
    )
    done = project.pytest(str(test), "-m", "hwflow")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "AssertionError: golden ↔ stage 0 RTL, scores" in done.stdout
    assert re.search(r"first at frame \d+: expected \[.*got \[", done.stdout)
    assert project.pytest(str(test), "-m", "not hwflow").returncode == 5  # nothing left to run
