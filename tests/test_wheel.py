"""What is installed from a wheel is whole: the demo works outside of a checkout."""

import json
import os
import subprocess
import sys
import zipfile

import pytest
from conftest import DESIGN, RECIPE, ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    place = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site")
    return place / "site"


def test_the_wheel_holds_every_file_of_the_package(installed):
    tracked = subprocess.run(
        ["git", "ls-files", "hwflow"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode != 0:
        pytest.skip("git or the checkout is missing")
    names = tracked.stdout.split()
    assert "hwflow/py.typed" in names
    assert [name for name in names if not (installed / name).is_file()] == []


def test_the_demo_is_found_outside_of_a_checkout(installed, tmp_path):
    assert (installed / "hwflow" / "_demo" / "recipe.yaml").read_bytes() == RECIPE.read_bytes()
    assert (installed / "hwflow" / "_demo" / "design.yaml").read_bytes() == DESIGN.read_bytes()
    code = (
        "import sys, hwflow; from hwflow.cli import main\n"
        f"assert hwflow.__file__.startswith({str(installed)!r}), hwflow.__file__\n"
        "main(['demo', '--dry-run', '--json'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"][0] == {"step": "train", "action": "run"}
