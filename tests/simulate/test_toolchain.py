import os
import stat
import subprocess
import sys

import pytest

from hwflow.cache import cache_dir
from hwflow.errors import ConfigError, ToolNotFoundError
from hwflow.simulate import objcache
from hwflow.simulate.toolchain import find_verilator


@pytest.fixture
def only(tmp_path, monkeypatch):
    """A PATH with nothing but the given tools."""

    def make(*tools):
        for tool in tools:
            (tmp_path / tool).write_text("#!/bin/sh\n")
            (tmp_path / tool).chmod(stat.S_IRWXU)
        monkeypatch.setenv("PATH", str(tmp_path))

    return make


@pytest.mark.parametrize("missing", ["g++", "make", "perl"])
def test_a_missing_tool_is_named_with_its_package(only, missing):
    only(*({"g++", "make", "perl"} - {missing}))
    message = rf"{missing.replace('+', '[+]')} was not found.*apt-get install"
    with pytest.raises(ToolNotFoundError, match=message) as caught:
        find_verilator()
    assert caught.value.exit_code == 3


def test_the_cache_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("HWFLOW_CACHE", raising=False)
    assert cache_dir("a") == tmp_path / "xdg" / "hwflow" / "a"
    monkeypatch.setenv("HWFLOW_CACHE", str(tmp_path / "mine"))
    assert cache_dir("a") == tmp_path / "mine" / "a"
    assert cache_dir("a").is_dir()


def test_a_cache_that_cannot_be_used_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HWFLOW_CACHE", str(tmp_path / "with space"))
    with pytest.raises(ConfigError, match=r"space in its path; set HWFLOW_CACHE"):
        cache_dir()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HWFLOW_CACHE", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=r"cannot be made.*HWFLOW_CACHE"):
        cache_dir("models")


@pytest.fixture
def runtime(tmp_path):
    """A runtime of one source and one header."""
    include = tmp_path / "root" / "include"
    include.mkdir(parents=True)
    (include / "answer.h").write_text("#define ANSWER 42\n")
    (include / "answer.cpp").write_text('#include "answer.h"\nint answer() { return ANSWER; }\n')
    (tmp_path / "cache").mkdir()
    return include


def build(runtime, cwd, source, *flags):
    cwd.mkdir(exist_ok=True)
    script = [sys.executable, "-I", "-S", objcache.__file__]
    places = [str(runtime.parents[1] / "cache"), str(runtime.parent)]
    command = ["g++", *flags, f"-I{runtime}", "-c", "-o", "out.o", str(source)]
    done = subprocess.run([*script, *places, *command], cwd=cwd, check=False)
    kept = len(list((runtime.parents[1] / "cache").iterdir()))
    return done.returncode, kept


@pytest.mark.sim
def test_runtime_objects_are_kept_by_flags_source_and_headers(tmp_path, runtime):
    source = runtime / "answer.cpp"
    assert build(runtime, tmp_path / "a", source) == (0, 1)
    assert build(runtime, tmp_path / "b", source) == (0, 1)
    first = (tmp_path / "a" / "out.o").read_bytes()
    assert (tmp_path / "b" / "out.o").read_bytes() == first
    assert build(runtime, tmp_path / "c", source, "-O2") == (0, 2)
    (runtime / "answer.h").write_text("#define ANSWER 43\n")
    assert build(runtime, tmp_path / "d", source) == (0, 3)
    assert (tmp_path / "d" / "out.o").read_bytes() != first


@pytest.mark.sim
def test_a_designs_own_code_is_not_kept(tmp_path, runtime):
    own = tmp_path / "own.cpp"
    own.write_text("int f() { return 1; }\n")
    assert build(runtime, tmp_path / "a", own) == (0, 0)


@pytest.mark.sim
def test_a_failed_compilation_fails_and_keeps_nothing(tmp_path, runtime):
    source = runtime / "answer.cpp"
    source.write_text("int answer( {\n")
    status, kept = build(runtime, tmp_path / "a", source)
    assert status != 0
    assert kept == 0
    assert os.listdir(tmp_path / "a") == []  # noqa: PTH208
