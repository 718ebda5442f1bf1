"""How the card writes a number."""

from __future__ import annotations

from collections.abc import Sequence

from hwflow.reproduce.metrics import Number, Spread


def percent(told: Number | Spread | None) -> str:
    """Return a fraction in percent, with the deviation over seeds where there is one."""
    return _spread(told, 100, "{:.2f}", " %")


def millions(told: Number | Spread | None) -> str:
    """Return a count in millions."""
    return _spread(told, 1e-6, "{:,.2f}", " M")


def ratio(told: Number | Spread | None) -> str:
    """Return a ratio."""
    return _spread(told, 1, "{:.3f}", "")


def whole(told: Number | Spread | None) -> str:
    """Return a number rounded to a whole one."""
    return _spread(told, 1, "{:,.0f}", "")


def one_digit(told: Number | Spread | None) -> str:
    """Return a number with one digit."""
    return _spread(told, 1, "{:,.1f}", "")


def listed(values: Sequence[object]) -> str:
    """Return ``values`` with commas; those that are all alike, once."""
    texts = [str(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def prose(values: Sequence[str]) -> str:
    """Return ``values`` as a sentence lists them."""
    *first, last = values
    return f"{', '.join(first)} and {last}" if first else last


def _spread(told: Number | Spread | None, factor: float, form: str, unit: str) -> str:
    if told is None:
        return "–"
    if isinstance(told, Number):
        return form.format(factor * told.value) + unit
    text = form.format(factor * told.mean)
    if told.sd is not None:
        text += f" ± {form.format(factor * told.sd)}"
    return text + unit
