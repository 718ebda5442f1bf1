"""Tables of the single commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from hwflow.cli.doctor import Tool

_SKIP = frozenset({"command", "input_hash", "exactness", "schema_version"})


def details(data: Mapping[str, Any]) -> Table:
    """Return a command's result as a table of names and values, with its exactness links."""
    table = Table(title=f"hwflow {data['command']}", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in data.items():
        if name not in _SKIP:
            _rows(table, name, value)
    for name, links in _grouped(data.get("exactness", ())).items():
        compared, wrong, ties = (
            sum(link[key] for link in links) for key in ("compared", "mismatches", "ties")
        )
        shown = f"{compared} compared, {wrong} mismatches" + (f", {ties} ties" if ties else "")
        table.add_row(f"  {escape(name)}", shown)
    return table


def _grouped(links: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return ``links`` by the name of their row; those of single nodes share one."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for link in links:
        groups.setdefault(link["link"].partition(", node ")[0], []).append(link)
    return {
        f"{name}, {len(group)} nodes" if len(group) > 1 else name: group
        for name, group in groups.items()
    }


def _rows(table: Table, name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _rows(table, f"{name}.{key}", inner)
    elif isinstance(value, Sequence) and value and isinstance(value[0], Mapping):
        for index, inner in enumerate(value):
            table.add_row(f"{name}\\[{index}]", escape(_line(inner)))
    else:
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        table.add_row(name, escape(shown))


def _line(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{key} {_line(inner)}" for key, inner in value.items() if inner is not None
        )
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def tools(found: Sequence[Tool]) -> Table:
    """Return the tools, their versions, and what is lost without them."""
    table = Table(title="hwflow doctor", title_justify="left")
    for heading in ("tool", "version", "without it", "install"):
        table.add_column(heading)
    for tool in found:
        version = escape(tool.version) if tool.version else "[red]missing[/]"
        lost = f"no {tool.disables}" if tool.disables != "everything" else "nothing runs"
        need = "" if tool.needed else " [dim](optional)[/]"
        table.add_row(tool.name + need, version, lost, escape(tool.install))
    return table
