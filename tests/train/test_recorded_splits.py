"""Which frames a training saw: in its key where the recipe does not say, and written down."""

from __future__ import annotations

import json

import pytest
from data_files import cache, picture, write_imagenet  # noqa: F401
from tiny import recipe, stage_data

from hwflow.cli.jobs import train_job
from hwflow.config.data_root import DataRoot
from hwflow.data import load
from hwflow.errors import ConfigError
from hwflow.export.bundle import check_splits, check_trained
from hwflow.train import stage_key, train

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("cache")]

PICTURES = recipe(
    stage_data(
        net={"name": "vgg_tiny", "features": [8, "pool"]},
        weight_bit_width=8,
        act_bit_width=8,
        training={"epochs": 1, "lr": 0.01, "batch_size": 7},
    ),
    dataset={"name": "imagenet", "validation": 10, "size": 8},
)


def test_splits_count_where_the_recipe_does_not_say_them():
    one, other = (stage_key(PICTURES, 0, threads=1, splits=digest) for digest in "ab")
    assert one != other
    one, other = (stage_key(recipe(), 0, threads=1, splits=digest) for digest in "ab")
    assert one == other


def test_pictures_with_other_content_are_trained_on_again(tmp_path):
    """The names, classes and numbers stay; another place of the folder is no reason."""
    root, folder = DataRoot(tmp_path / "one"), tmp_path / "train"
    write_imagenet(tmp_path / "one" / "imagenet")

    def run(where: DataRoot):
        outcome = train_job(PICTURES, out=folder, data=where).run()
        return outcome.reused, outcome.manifest.found["splits"]

    first = load(PICTURES.dataset, root).digest
    assert run(root) == (False, first)
    assert run(root) == (True, first)
    assert train_job(PICTURES, out=folder, data=root).is_complete()
    moved = DataRoot((tmp_path / "one").rename(tmp_path / "two"))
    assert run(moved) == (True, first)

    keys = {stage_key(PICTURES, 0, threads=1, splits=first)}
    for number, path in enumerate(sorted((moved.path / "imagenet").rglob("0*.png"))):
        picture(path, (30, 30), 500 + number)
    assert not train_job(PICTURES, out=folder, data=moved).is_complete()
    reused, second = run(moved)
    assert (reused, second != first) == (False, True)
    keys.add(stage_key(PICTURES, 0, threads=1, splits=second))
    assert len(keys) == 2, "a checkpoint of the first is none of the second"
    assert run(moved) == (True, second)


def test_a_folder_with_another_picture_is_trained_on_again(tmp_path):
    write_imagenet(tmp_path / "imagenet")
    root, folder = DataRoot(tmp_path), tmp_path / "train"
    job = train_job(PICTURES, out=folder, data=root)
    splits = load(PICTURES.dataset, root)
    assert job.run().manifest.found == {"splits": splits.digest}
    assert json.loads((folder / "run.json").read_text())["found"] == {"splits": splits.digest}
    check_trained(PICTURES, folder)
    check_splits(splits, folder)

    picture(tmp_path / "imagenet" / "train" / "cat" / "new.png", (30, 30), 99)
    changed = load(PICTURES.dataset, root)
    with pytest.raises(ConfigError, match=r"train\.json: expected the splits .* pictures came"):
        check_splits(changed, folder)
    steps = []
    result = train(PICTURES, folder, data=root, progress=lambda *step: steps.append(step))
    assert [step for step in steps if step[0].startswith("train stage0:")]
    assert result.splits == result.stages[0].splits == changed.digest
    steps.clear()
    assert train(PICTURES, folder, data=root, progress=lambda *step: steps.append(step)) == result
    assert not [step for step in steps if step[0].startswith("train stage0:")]
