import json

import pytest

from hwflow.config import manifest
from hwflow.config.manifest import RUN_FILE, Step, run_step
from hwflow.errors import ConfigError


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "input.txt"
    path.write_text("one")
    return path


def make(tmp_path, source, **changes):
    settings = {
        "name": "copy",
        "out": tmp_path / "out" / "copied",
        "config": {"level": 1},
        "inputs": {"source": source},
        "packages": ("cascade",),
        "tools": ("numpy",),
        "seed": 0,
    }
    return Step(**{**settings, **changes})


def copier(source, calls=None):
    def action(folder):
        if calls is not None:
            calls.append(folder)
        (folder / "copy.txt").write_text(source.read_text())

    return action


def test_a_complete_step_is_reused_and_says_what_it_was_given(tmp_path, source):
    step, calls = make(tmp_path, source), []
    first = run_step(step, copier(source, calls))
    second = run_step(step, copier(source, calls))
    assert (first.reused, second.reused, len(calls)) == (False, True, 1)
    stored = json.loads((step.out / RUN_FILE).read_text())
    assert stored["status"] == "complete"
    assert stored["config"] == {"level": 1}
    assert set(stored["artefacts"]) == {"copy.txt"}
    assert {"python", "hwflow", "numpy"} <= set(stored["versions"])
    assert [path.name for path in step.out.parent.iterdir()] == ["copied"]


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"level": 2}},
        {"seed": 1},
        {"packages": ("rtl",)},
        {"tools": ("pydantic",)},
        {"contents": {"splits": "a"}},
    ],
)
def test_whatever_can_change_the_result_runs_it_again(tmp_path, source, changes):
    run_step(make(tmp_path, source), copier(source))
    assert not run_step(make(tmp_path, source, **changes), copier(source)).reused


def test_an_edited_input_runs_it_again(tmp_path, source):
    step = make(tmp_path, source)
    run_step(step, copier(source))
    source.write_text("two")
    assert not run_step(step, copier(source)).reused
    assert (step.out / "copy.txt").read_text() == "two"


@pytest.mark.parametrize(
    "damage",
    [
        lambda out: (out / "copy.txt").write_text("edited"),
        lambda out: (out / "copy.txt").unlink(),
        lambda out: (out / "more.txt").write_text("new"),
    ],
)
def test_a_damaged_result_is_made_again(tmp_path, source, damage):
    step = make(tmp_path, source)
    run_step(step, copier(source))
    damage(step.out)
    assert not run_step(step, copier(source)).reused
    assert [path.name for path in sorted(step.out.iterdir())] == ["copy.txt", RUN_FILE]


def test_an_interrupted_step_is_not_complete_and_finds_its_work_again(tmp_path, source):
    step = make(tmp_path, source)

    def interrupted(folder):
        (folder / "half.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_step(step, interrupted)
    assert not step.out.exists()
    assert not manifest.is_complete(step)

    def resumes(folder):
        assert (folder / "half.txt").read_text() == "half"
        (folder / "half.txt").rename(folder / "copy.txt")

    assert not run_step(step, resumes).reused
    assert manifest.is_complete(step)


def test_interrupted_work_for_other_inputs_is_thrown_away(tmp_path, source):
    def interrupted(folder):
        (folder / "half.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_step(make(tmp_path, source), interrupted)
    step = make(tmp_path, source, seed=9)
    run_step(step, copier(source))
    assert not (step.out / "half.txt").exists()


def test_a_failed_rerun_leaves_the_old_result_whole(tmp_path, source):
    step = make(tmp_path, source)
    run_step(step, copier(source))
    source.write_text("two")

    def fails(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        run_step(step, fails)
    assert (step.out / "copy.txt").read_text() == "one"
    assert not manifest.is_complete(step)


def test_an_incremental_step_is_given_its_earlier_files(tmp_path, source, caplog):
    step = make(tmp_path, source, incremental=True)
    run_step(step, copier(source))
    run_step(step, copier(source))
    assert not caplog.messages
    seen = []
    changed = make(tmp_path, source, incremental=True, seed=3)
    run_step(changed, lambda folder: seen.append((folder / "copy.txt").read_text()))
    assert seen == ["one"]
    (told,) = caplog.messages
    assert "holds a finished run of another configuration" in told


def test_foreign_files_are_never_replaced(tmp_path, source):
    step = make(tmp_path, source)
    step.out.mkdir(parents=True)
    (step.out / "thesis.tex").write_text("precious")
    with pytest.raises(ConfigError, match=r"copied: holds files but no run\.json.*--out"):
        run_step(step, copier(source))
    assert (step.out / "thesis.tex").read_text() == "precious"


def test_another_steps_folder_is_not_replaced(tmp_path, source):
    run_step(make(tmp_path, source, name="other"), copier(source))
    with pytest.raises(ConfigError, match="holds the other step, not copy"):
        run_step(make(tmp_path, source), copier(source))


def test_a_missing_input_is_named(tmp_path, source):
    source.unlink()
    with pytest.raises(ConfigError, match=r"input\.txt: not found"):
        run_step(make(tmp_path, source), copier(source))


def test_a_step_that_replaces_its_folder_is_complete_too(tmp_path, source):
    step = make(tmp_path, source)

    def replaces(folder):
        other = folder.with_name("temporary")
        other.mkdir()
        (other / "copy.txt").write_text("whole")
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        other.rename(folder)

    run_step(step, replaces)
    assert manifest.is_complete(step)


def test_work_of_other_code_is_not_handed_to_an_incremental_step(tmp_path, source, monkeypatch):
    step = make(tmp_path, source, incremental=True)
    run_step(step, copier(source))
    seen = []

    def action(folder):
        seen.append(sorted(path.name for path in folder.iterdir()))
        copier(source)(folder)

    monkeypatch.setattr(manifest, "source_hash", lambda packages: "other code")
    assert not run_step(step, action).reused
    assert seen == [[RUN_FILE]]


def test_unfinished_work_of_other_code_is_not_thrown_away_unsaid(
    tmp_path, source, monkeypatch, caplog
):
    step = make(tmp_path, source, incremental=True)

    def stopped(folder):
        (folder / "half.txt").write_text("half")
        raise RuntimeError

    for code, said in (("one", 0), ("one", 0), ("other", 1)):
        monkeypatch.setattr(manifest, "source_hash", lambda packages, code=code: code)
        caplog.clear()
        with pytest.raises(RuntimeError):
            run_step(step, stopped)
        assert len(caplog.records) == said
        assert caplog.text.count(f"{step.out}: an unfinished run of other code or tools") == said


def test_two_runs_do_not_write_one_folder(tmp_path, source):
    step = make(tmp_path, source)

    def action(folder):
        with pytest.raises(ConfigError, match="another hwflow is writing it"):
            run_step(step, copier(source))
        copier(source)(folder)

    assert not run_step(step, action).reused
    assert run_step(step, copier(source)).reused


def test_a_place_that_cannot_be_written_is_named_as_it_was_given(tmp_path, source):
    (tmp_path / "file").write_text("in the way")
    step = make(tmp_path, source, out=tmp_path / "file" / "copied")
    with pytest.raises(ConfigError, match=r"file/copied: cannot be written .* --out"):
        run_step(step, copier(source))


def test_a_step_refused_at_once_leaves_nothing(tmp_path, source):
    step = make(tmp_path, source)

    def action(folder):
        raise ConfigError("no")

    with pytest.raises(ConfigError, match="no"):
        run_step(step, action)
    assert not step.out.parent.exists()
