"""Tables of a document from a bench's record, so that neither is typed by hand.

A document marks a table's place by two comments, ``<!-- name -->`` and ``<!-- end of name -->``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from hwflow.bench.figures import Figure
from hwflow.bench.generator import BENCH as GENERATOR
from hwflow.bench.record import Record
from hwflow.errors import ConfigError
from hwflow.report.layer_text import markdown
from hwflow.report.layers import LayerTable

LAYERS = "cnv layers"
# Names of figures, as hwflow.bench.generator gives them.
ESTIMATE, WORST = "estimated against synthesised", "worst "


def fill(text: str, record: Record, *, source: str) -> str:
    """Return ``text`` with the tables of ``record`` in their places.

    Raises:
        ConfigError: a place is missing from ``source``, or a section from the record.
    """
    for name, table in _tables(record).items():
        text = replaced(text, name, table, source)
    return text


def _tables(record: Record) -> dict[str, str]:
    """Return the tables of a record, by the names of their places."""
    figures = [figure for found in record.sections.values() for figure in found.figures]
    tables = {f"{record.bench} figures": _figures(figures)}
    if record.bench == GENERATOR:
        if "area" not in record.sections:
            raise ConfigError("the record has no section area; run `hwflow bench generator`")
        # By its JSON: of Python's values, the strict model would refuse lists for its tuples.
        found = json.dumps(record.sections["area"].details["layers"])
        tables[LAYERS] = markdown(LayerTable.model_validate_json(found))
    return tables


def replaced(text: str, name: str, table: str, source: str) -> str:
    """Return ``text`` with ``table`` at the place of that name.

    Raises:
        ConfigError: the place is missing from ``source``, or there are two.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ConfigError(f"{source}: expected one {begin.strip()} and one {end}")
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}"


def _told_by_the_worst(one: Figure) -> bool:
    """Whether ``one`` holds and is an estimate of one design, of which the worst has a row."""
    return bool(one.holds) and ESTIMATE in one.name and not one.name.startswith(WORST)


def _figures(figures: Iterable[Figure]) -> str:
    rows = ["| figure | value | goal | | provenance |", "|---|---:|---|---|---|"]
    for one in figures:
        if one.goal is None or _told_by_the_worst(one):
            continue
        held = "holds" if one.holds else "**missed**"
        value = f"{one.value:,.4g} {one.unit}"
        rows.append(f"| {one.name} | {value} | {one.goal} | {held} | {one.provenance} |")
    return "\n".join(rows) + "\n"
