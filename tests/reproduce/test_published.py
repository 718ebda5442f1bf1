"""Seeds of one study from several machines: which may stand together, and where they may go."""

from __future__ import annotations

import pytest
from hand_made import metrics
from hand_made import one_seed as seed

from hwflow.reproduce.assemble import to_json
from hwflow.reproduce.metrics import METRICS_FILE
from hwflow.reproduce.published import Seeds, published, what_is_missing


def told_in(folder, told):
    (folder / METRICS_FILE).write_text(to_json(told))
    return folder


def changed(told, **fields):
    """The same metrics of another study."""
    return told.model_copy(update={"study": told.study.model_copy(update=fields)})


def bundles(*seeds):
    return Seeds({}, dict.fromkeys(seeds, "somewhere"))


def test_a_folder_without_metrics_tells_of_no_seed(tmp_path):
    one = metrics(seed(1))
    assert published(tmp_path, one.recipe, one.study) == Seeds({}, {})


def test_seeds_of_the_same_study_are_found_with_the_networks_beside_them(tmp_path):
    one = metrics(seed(1), planned=(1, 2, 3))
    found = published(told_in(tmp_path, one), one.recipe, one.study)
    assert list(found.metrics) == [1]
    assert found.metrics[1] == one.seeds[0]
    assert found.bundles == {1: tmp_path / "bundle"}


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"goals": (), "notes": ("said",)}, [1, 2]),
        ({"seeds": (2, 3), "bundle_seed": 2}, [2]),
        ({"losses": (0.1,)}, []),
        ({"board": "pynq-z1"}, []),
    ],
)
def test_another_study_keeps_what_it_does_not_change(tmp_path, fields, kept):
    one = metrics(seed(1), seed(2))
    other = changed(one, **fields)
    found = published(told_in(tmp_path, one), other.recipe, other.study)
    assert list(found.metrics) == kept


def test_another_recipe_keeps_nothing_but_its_seed_does_not_matter(tmp_path):
    one = metrics(seed(1))
    told_in(tmp_path, one)
    again = one.recipe.model_copy(update={"seed": 77})
    assert list(published(tmp_path, again, one.study).metrics) == [1]
    other = one.recipe.model_copy(update={"golden_frames": 3})
    assert not published(tmp_path, other, one.study).metrics


def test_the_first_seed_is_published_if_its_networks_are_the_committed_ones(tmp_path):
    assert what_is_missing(tmp_path, metrics(seed(1)), bundles(1)) == ""
    told = what_is_missing(tmp_path, metrics(seed(2)), bundles(2))
    assert "the networks of seed 1" in told


def test_a_whole_study_without_its_networks_is_not_published(tmp_path):
    told = what_is_missing(tmp_path, metrics(seed(1), seed(2)), bundles(2))
    assert "the networks of seed 1" in told


def test_no_seed_of_the_card_is_lost(tmp_path):
    told_in(tmp_path, metrics(seed(1), seed(2), planned=(1, 2, 3)))
    fewer = metrics(seed(1), planned=(1, 2, 3))
    assert "seed 2 too" in what_is_missing(tmp_path, fewer, bundles(1))
    more = metrics(seed(1), seed(2), seed(3), planned=(1, 2, 3))
    assert what_is_missing(tmp_path, more, bundles(1)) == ""


def test_a_card_of_another_study_gives_way_to_a_whole_one_alone(tmp_path):
    told_in(tmp_path, changed(metrics(seed(1)), board="pynq-z1"))
    assert "another study" in what_is_missing(tmp_path, metrics(seed(1)), bundles(1))
    assert what_is_missing(tmp_path, metrics(seed(1), seed(2)), bundles(1)) == ""
