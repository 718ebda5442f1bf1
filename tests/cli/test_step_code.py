"""The code that a step's hash covers is the code that it runs."""

import ast
from pathlib import Path

import hwflow
from hwflow.cli import jobs, step_code

PACKAGE = Path(hwflow.__file__).parent


def imported(tree, package):
    """Return the files of ``package`` that a syntax tree imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == f"hwflow.{package}":
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module.removeprefix(f"hwflow.{package}.")]
        else:
            continue
        paths = [f"{package}/{name}.py" for name in names]
        found |= {path for path in paths if (PACKAGE / path).is_file()}
    return found


def closure(start, package):
    found, new = set(), set(start)
    while new:
        found |= new
        trees = [ast.parse((PACKAGE / path).read_text(encoding="utf-8")) for path in new]
        new = set().union(*(imported(tree, package) for tree in trees)) - found
    return found


def test_what_sizes_fifos_is_hashed_with_all_that_it_imports():
    tree = ast.parse(Path(jobs.__file__).read_text(encoding="utf-8"))
    (settle,) = (
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "_settle_fifos"
    )
    start = imported(settle, "simulate")
    assert "simulate/fifos.py" in start
    modules = closure(start, "simulate")
    others = {
        path.relative_to(PACKAGE).as_posix()
        for path in (PACKAGE / "simulate").iterdir()
        if path.is_file() and path.suffix != ".py"
    }
    assert sorted(modules | others) == sorted(step_code.SIZING)
    assert set(step_code.SIZING) <= set(step_code.CODE["build"])


def test_bundles_depend_on_what_they_import_of_the_costs():
    for step in ("export", "bundle"):
        hashed = {path for path in step_code.CODE[step] if path.startswith("cost/")}
        packages = [path for path in step_code.CODE[step] if (PACKAGE / path).is_dir()]
        start = set()
        for package in packages:
            for path in (PACKAGE / package).rglob("*.py"):
                tree = ast.parse(path.read_text(encoding="utf-8"))
                start |= imported(tree, "cost")
                names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
                if "hwflow.cost" in names:
                    start.add("cost/__init__.py")
        assert "cost" not in step_code.CODE[step]
        assert closure(start, "cost") == hashed, step


def test_simulations_depend_on_what_they_import_of_the_rtl():
    files = (PACKAGE / "simulate").rglob("*.py")
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    start = set().union(*(imported(tree, "rtl") for tree in trees))
    assert start == {"rtl/registers.py"}
    for step in ("simulate", "volume"):
        assert start <= set(step_code.CODE[step]), step
