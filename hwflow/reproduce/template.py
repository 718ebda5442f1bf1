"""Jinja2 as the card uses it: undefined names are errors."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hwflow.reproduce import words

TEMPLATES = Path(__file__).parent / "templates"


def render(name: str, **values: object) -> str:
    """Return template ``name`` filled with ``values``; ``hwflow.reproduce.words`` are filters."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for each in ("percent", "millions", "ratio", "whole", "one_digit", "listed", "prose"):
        environment.filters[each] = getattr(words, each)
    return environment.get_template(name).render(**values)
