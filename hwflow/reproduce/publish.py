"""Puts a finished study into its model's folder, all files at once."""

from __future__ import annotations

import shutil
from pathlib import Path

from hwflow.config.manifest import RUN_FILE
from hwflow.reproduce.card import write_documents
from hwflow.reproduce.folder import TRAINED, old_folder
from hwflow.reproduce.metrics import Metrics

BUNDLE = "bundle"


def publish(metrics: Metrics, model_dir: Path, *, bundle_dir: Path) -> None:
    """Give ``model_dir`` card, metrics, chart and the bundle in ``bundle_dir``.

    Everything else in it stays; of a study that is done, what was kept to go on with goes. The new
    folder is made beside it and takes its place: card and bundle are never of two studies.
    """
    work, old = model_dir.with_name(f".{model_dir.name}.partial"), old_folder(model_dir)
    for path in (work, old):
        shutil.rmtree(path, ignore_errors=True)
    replaced = (BUNDLE, TRAINED) if metrics.is_whole else (BUNDLE,)
    shutil.copytree(model_dir, work, ignore=shutil.ignore_patterns(*replaced))
    shutil.copytree(bundle_dir, work / BUNDLE, ignore=shutil.ignore_patterns(RUN_FILE))
    write_documents(metrics, work)
    model_dir.rename(old)  # from here to the next line `settle` is needed after a kill
    work.rename(model_dir)
    shutil.rmtree(old)
