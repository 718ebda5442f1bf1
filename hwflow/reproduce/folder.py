"""A model's folder while another takes its place."""

from __future__ import annotations

from pathlib import Path

TRAINED = "trained"
"""Folder of what a study that is not done has trained so far, in the model's."""


def settle(model_dir: Path) -> None:
    """Bring back the folder of a model that ``publish`` was killed over."""
    if not model_dir.exists() and old_folder(model_dir).is_dir():
        old_folder(model_dir).rename(model_dir)


def old_folder(model_dir: Path) -> Path:
    """Return where the folder stands while its successor takes its place."""
    return model_dir.with_name(f".{model_dir.name}.old")
