"""A model's folder, and what is in it, while another takes its place."""

from __future__ import annotations

from pathlib import Path

BUNDLE = "bundle"
TRAINED = "trained"
"""Folder of what a study that is not done has trained so far, in the model's."""


def settle(model_dir: Path) -> None:
    """Bring back what a kill took away while its successor took its place."""
    for path in (model_dir, model_dir / TRAINED):
        old = kept_while_replaced(path)
        if not path.exists() and old.is_dir():
            old.rename(path)


def partial_of(path: Path) -> Path:
    """Return where a folder's successor is made."""
    return path.with_name(f".{path.name}.partial")


def kept_while_replaced(path: Path) -> Path:
    """Return where a folder stands while its successor takes its place."""
    return path.with_name(f".{path.name}.old")
