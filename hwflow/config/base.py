"""Strict, frozen base model and a YAML/JSON loader whose errors name file, field and remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from hwflow.errors import ConfigError


class StrictModel(BaseModel):
    """Frozen pydantic model that refuses unknown keys and silent type coercion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


M = TypeVar("M", bound=StrictModel)


def describe(error: ValidationError) -> str:
    """Return one line per problem: ``field: what is wrong (got value)``."""
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"]) or "(top level)"
        got = problem.get("input")
        shown = "" if isinstance(got, dict) else f" (got {got!r})"
        lines.append(f"  {where}: {problem['msg']}{shown}")
    return "\n".join(lines)


def parse(model: type[M], data: Any, *, source: str) -> M:
    """Return ``data`` as ``model``; ``source`` names its origin in the error.

    Goes through JSON, so that lists become tuples and strings become enums, but a number in
    quotes is still refused.

    Raises:
        ConfigError: naming each wrong field.
    """
    try:
        return model.model_validate_json(json.dumps(data))
    except TypeError as error:  # YAML knows dates and sets, JSON does not
        raise ConfigError(f"{source}: {error}; write the value in quotes") from error
    except ValidationError as error:
        raise ConfigError(f"{source}:\n{describe(error)}") from error


def set_value(data: dict[str, Any], assignment: str) -> None:
    """Apply one ``--set a.b.0.c=value`` to parsed YAML in place; the value is YAML too.

    Raises:
        ConfigError: if there is no ``=``, or a list index on the way is not there.
    """
    path, equals, text = assignment.partition("=")
    if not equals or not path:
        raise ConfigError(f"--set {assignment}: expected key.path=value")
    try:
        value = _number(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {assignment}: {text!r} is not a YAML value") from error
    keys = path.split(".")
    node: Any = data
    try:
        for key in keys[:-1]:
            node = node[_index(node, key)] if isinstance(node, list) else node.setdefault(key, {})
        if isinstance(node, list):
            node[_index(node, keys[-1])] = value
        else:
            node[keys[-1]] = value
    except (IndexError, TypeError, AttributeError) as error:
        raise ConfigError(f"--set {assignment}: no such place in the file") from error


def _index(items: list[Any], key: str) -> int:
    if not key.isdecimal() or int(key) >= len(items):
        raise IndexError(key)
    return int(key)


def _number(value: Any) -> Any:
    """YAML 1.1 takes 1e-3 for text (it wants 1.0e-3); nobody who types it means text."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


def load(model: type[M], path: Path, *, overrides: tuple[str, ...] = ()) -> M:
    """Return the YAML or JSON file at ``path`` as ``model``, with ``--set`` overrides applied.

    Raises:
        ConfigError: file missing, not YAML, or not of the schema; names file and field.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        kind = "JSON" if path.suffix == ".json" else "YAML"
        problem = getattr(error, "problem", None) or "not text"
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" at line {mark.line + 1}"
        raise ConfigError(f"{path}: not a {kind} file: {problem}{where}; damaged?") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected keys and values, found {type(data).__name__}")
    for assignment in overrides:
        set_value(data, assignment)
    return parse(model, data, source=str(path))
