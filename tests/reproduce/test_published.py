"""Seeds of one study from several machines: which stand together, and where they may go."""

from __future__ import annotations

import shutil

import pytest
from conftest import ROOT
from hand_made import metrics
from hand_made import one_seed as seed

from hwflow.errors import ConfigError
from hwflow.reproduce.assemble import to_json
from hwflow.reproduce.metrics import METRICS_FILE
from hwflow.reproduce.publish import publish
from hwflow.reproduce.published import Published, join, published

NETWORKS = ROOT / "models" / "digits_cascade" / "bundle"


def told_in(folder, told):
    """Make ``folder`` tell of ``told`` with networks of seed 1."""
    (folder / METRICS_FILE).write_text(to_json(told))
    shutil.copytree(NETWORKS, folder / "bundle")
    manifest = folder / "bundle" / "bundle.json"
    text = manifest.read_text()
    assert text.count('"seed": "2"') == 1
    manifest.write_text(text.replace('"seed": "2"', '"seed": "1"'))
    return folder


def changed(told, **fields):
    """The same metrics of another study."""
    return told.model_copy(update={"study": told.study.model_copy(update=fields)})


def joined(before, told, *seeds):
    """What comes of ``seeds`` of the study of ``told`` where ``before`` was told."""
    return join(told.recipe, told.study, {each: (seed(each), NETWORKS) for each in seeds}, before)


def numbers(found):
    return [one.seed for one in found.metrics.seeds]


def test_a_folder_without_metrics_tells_of_no_seed(tmp_path):
    assert published(tmp_path) == Published()


def test_seeds_that_were_told_of_stay_with_their_networks(tmp_path):
    one = metrics(seed(1, accuracy=0.8), planned=(1, 2, 3))
    before = published(told_in(tmp_path, one))
    found = joined(before, one, 3)
    assert numbers(found) == [1, 3]
    assert found.metrics.seeds[0] == one.seeds[0]
    assert (found.bundle_dir, found.missing) == (tmp_path / "bundle", "")


def test_a_seed_that_is_measured_again_takes_the_place_of_its_old_self(tmp_path):
    one = metrics(seed(1, accuracy=0.8))
    found = joined(published(told_in(tmp_path, one)), one, 1)
    assert found.metrics.seeds == (seed(1),)
    assert found.bundle_dir == NETWORKS


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"goals": (), "notes": ("said",)}, [1, 2]),
        ({"seeds": (2, 3), "bundle_seed": 2}, [2]),
        ({"losses": (0.1,)}, [2]),
        ({"board": "pynq-z1"}, [2]),
    ],
)
def test_another_study_keeps_what_it_does_not_change(tmp_path, fields, kept):
    one = metrics(seed(1), seed(2))
    other = changed(one, **fields)
    assert numbers(joined(published(told_in(tmp_path, one)), other, 2)) == kept


def test_another_recipe_keeps_nothing_but_its_seed_does_not_matter(tmp_path):
    one = metrics(seed(1))
    before = published(told_in(tmp_path, one))
    again = one.recipe.model_copy(update={"seed": 77})
    assert before.is_of(again, one.study)
    assert not before.is_of(one.recipe.model_copy(update={"golden_frames": 3}), one.study)


def test_the_first_seed_is_published_if_its_networks_are_the_committed_ones():
    one = metrics(seed(1))
    assert joined(Published(), one, 1).missing == ""
    assert "those of seed 1; go on with --seeds 1" in joined(Published(), one, 2).missing


def test_a_study_whose_committed_networks_are_not_there_is_not_published(tmp_path):
    """They were those of seed 1, and are to be those of seed 2."""
    one = metrics(seed(1), seed(2), planned=(1, 2, 3))
    other = changed(one, bundle_seed=2)
    found = joined(published(told_in(tmp_path, one)), other, 3)
    assert numbers(found) == [1, 2, 3]
    assert "seed 2" in found.missing


def test_a_card_of_another_study_gives_way_to_a_whole_one_alone(tmp_path):
    one = metrics(seed(1))
    before = published(told_in(tmp_path, changed(one, board="pynq-z1")))
    assert "another recipe or study; seeds [2]" in joined(before, one, 1).missing
    assert joined(before, one, 1, 2).missing == ""


def test_what_cannot_be_kept_is_said_with_what_to_do(tmp_path):
    told_in(tmp_path, metrics(seed(1)))
    (tmp_path / METRICS_FILE).write_text('{"schema_version": 1}')
    with pytest.raises(ConfigError, match=r"(?s)metrics\.json.*move metrics\.json out of it"):
        published(tmp_path)


def test_networks_of_another_seed_than_the_metrics_say_are_refused(tmp_path):
    told_in(tmp_path, metrics(seed(2), planned=(2, 3)))
    with pytest.raises(ConfigError, match=r"networks of seed 1, where metrics\.json .* seed 2"):
        published(tmp_path)


def test_metrics_without_networks_wait_for_them(tmp_path):
    one = metrics(seed(1))
    shutil.rmtree(told_in(tmp_path, one) / "bundle")
    found = joined(published(tmp_path), one, 2)
    assert numbers(found) == [1, 2]
    assert "seed 1" in found.missing


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_was_trained_stays_until_the_study_is_done(tmp_path, is_whole):
    model = tmp_path / "model"
    for path in ("trained/seed1/x", "trained/bundle/y", "mine/bundle/z", ".trained.partial/x"):
        (model / path).parent.mkdir(parents=True)
        (model / path).write_text("kept")
    publish(metrics(seed(1), *([seed(2)] if is_whole else [])), model, bundle_dir=NETWORKS)
    found = {str(path.relative_to(model)) for path in model.rglob("*") if path.is_file()}
    trained = {"trained/seed1/x", "trained/bundle/y"}
    assert found & trained == (set() if is_whole else trained)
    assert {"mine/bundle/z", "card.md", METRICS_FILE, "bundle/bundle.json"} <= found
    assert ".trained.partial/x" not in found
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
