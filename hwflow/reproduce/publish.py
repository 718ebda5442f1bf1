"""Puts what is known of a study into its model's folder, all files at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from hwflow.config.manifest import RUN_FILE
from hwflow.reproduce.card import write_documents
from hwflow.reproduce.folder import BUNDLE, TRAINED, kept_while_replaced, partial_of
from hwflow.reproduce.metrics import Metrics


def publish(metrics: Metrics, model_dir: Path, *, bundle_dir: Path) -> None:
    """Give ``model_dir`` card, metrics, chart and the bundle in ``bundle_dir``.

    Everything else in it stays; of a study that is done, what was kept to go on with goes. The new
    folder is made beside it and takes its place: card and bundle are never of two studies.
    """
    work, old = partial_of(model_dir), kept_while_replaced(model_dir)
    for path in (work, old):
        shutil.rmtree(path, ignore_errors=True)
    trained = model_dir / TRAINED
    left_out = {BUNDLE, partial_of(trained).name, kept_while_replaced(trained).name}
    if metrics.is_whole:
        left_out.add(TRAINED)
    shutil.copytree(model_dir, work, ignore=_at_the_top(model_dir, left_out))
    shutil.copytree(bundle_dir, work / BUNDLE, ignore=shutil.ignore_patterns(RUN_FILE))
    write_documents(metrics, work)
    model_dir.rename(old)  # from here to the next line `settle` is needed after a kill
    work.rename(model_dir)
    shutil.rmtree(old)


def _at_the_top(root: Path, names: set[str]) -> Callable[[str, list[str]], set[str]]:
    """Return what tells ``copytree`` to leave out ``names``, in ``root`` itself alone."""
    return lambda folder, _: names if folder == os.fspath(root) else set()
