"""Strict, frozen base model and a YAML/JSON loader whose errors name file, field and remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)
from pydantic_core import ErrorDetails

from hwflow.errors import ConfigError


class StrictModel(BaseModel):
    """Frozen pydantic model that refuses unknown keys and silent type coercion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class GrownModel(StrictModel):
    """A model that got fields after files had been made, and hashed, without them.

    ``later``: those fields. Where one has its default, a dump leaves it out, so that what a file
    says, and the hash of it, stay what they were before the field was there.
    """

    later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        return {
            name: value
            for name, value in told.items()
            if name not in self.later or getattr(self, name) != fields[name].default
        }


M = TypeVar("M", bound=StrictModel)


Place = tuple[str | int, ...]


def describe(
    error: ValidationError, data: Any, model: type[BaseModel], *, overrides: tuple[str, ...] = ()
) -> str:
    """Return one line per wrong place of ``data``: ``field: what is wrong (got value)``.

    What several alternatives of one field say is told together. ``overrides``: assignments of
    ``--set``, named where it was they that put the value there.
    """
    told: dict[Place, list[str]] = {}
    values = {}
    for problem in error.errors():
        place = _place(problem["loc"], data)
        if problem["type"] == "missing":
            place = (*place, problem["loc"][-1])
        if problem["type"] == "extra_forbidden":
            text = _unknown(place, model)
        else:
            text = problem["msg"].removeprefix("Value error, ")
        if problem["type"] in _TAG_ERRORS:  # pydantic names the place of the variants alone
            place = (*place, problem["ctx"]["discriminator"].strip("'()"))
            text = "Field required" if problem["type"] == "union_tag_not_found" else _tags(problem)
        for jargon, plain in _PLAIN.items():
            text = text.replace(jargon, plain)
        texts = told.setdefault(place, [])
        if text not in texts:
            texts.append(text)
        values[place] = problem.get("input")
    lines = []
    for place, texts in told.items():
        if any(len(other) > len(place) > 0 and other[: len(place)] == place for other in told):
            continue  # an alternative that was not meant: what is wrong lies further in
        where = ".".join(map(str, place))
        text = " or ".join([texts[0], *(text.removeprefix(_SHOULD) for text in texts[1:])])
        shown = "" if isinstance(values[place], dict) else f" (got {values[place]!r})"
        given = [each for each in overrides if _sets(each, where)]
        shown += "".join(f", from --set {each}" for each in given[-1:])
        lines.append(f"  {where or '(top level)'}: {text}{shown}")
    return "\n".join(lines)


def _tags(problem: ErrorDetails) -> str:
    told = problem["ctx"]
    return f"expected one of {told['expected_tags'].replace(chr(39), '')}, got {told['tag']!r}"


_SHOULD = "Input should be "
# pydantic speaks JSON; who writes YAML does not.
_PLAIN = {"a valid array": "a list", "an object": "a mapping"}
_TAG_ERRORS = frozenset({"union_tag_invalid", "union_tag_not_found"})


def _place(loc: Place, data: Any) -> Place:
    """Return where in ``data`` the error at ``loc`` is, without the names of alternatives."""
    place: Place = ()
    for number, part in enumerate(loc):
        found = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        )
        # A variant may be called like a field beside the one that is meant.
        variant = isinstance(data, dict) and any(after in data for after in loc[number + 1 :][:1])
        if found and not (variant and not isinstance(data[part], dict | list)):
            data = data[part]
            place = (*place, part)
    return place


def _unknown(place: Place, model: type[BaseModel]) -> str:
    """Say that there is no such key, and which one is like it."""
    models = [model]
    for part in place[:-1]:
        inner = [m.model_fields[part] for m in models if part in m.model_fields]
        if inner:
            models = [m for field in inner for m in _models(field.annotation)]
    known = [name for m in models for name in m.model_fields]
    if place[-1] in known:
        return "does not go with the kind chosen here"
    close = get_close_matches(str(place[-1]), known, n=1)
    return "unknown key" + (f"; did you mean {close[0]}?" if close else "")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that ``annotation`` speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _sets(assignment: str, where: str) -> bool:
    """Whether a ``--set`` gave the value at ``where``, or what it lies in."""
    path = assignment.partition("=")[0]
    return where == path or where.startswith(f"{path}.")


def parse(model: type[M], data: Any, *, source: str, overrides: tuple[str, ...] = ()) -> M:
    """Return ``data`` as ``model``; ``source`` names its origin in the error.

    ``overrides``: assignments of ``--set`` that are in ``data`` already.

    Goes through JSON, so that lists become tuples and strings become enums, but a number in
    quotes is still refused.

    Raises:
        ConfigError: naming each wrong field.
    """
    try:
        text = json.dumps(data)
        parsed = model.model_validate_json(text)
    except TypeError as error:  # YAML knows dates and sets, JSON does not
        raise ConfigError(f"{source}: {error}; write the value in quotes") from error
    except ValidationError as error:
        if (
            error.errors()[0]["type"] == "json_invalid"
        ):  # json.dumps wrote it: only its depth can be
            raise ConfigError(f"{source}: nested too deep") from error
        told = describe(error, json.loads(text), model, overrides=overrides)
        raise ConfigError(f"{source}:\n{told}") from error
    except (RecursionError, ValueError) as error:  # an alias of what it stands in
        raise ConfigError(f"{source}: nested too deep, or within itself") from error
    wrong = list(_truths_as_numbers(json.loads(text), parsed.model_dump(mode="json")))
    if wrong:
        lines = "\n".join(f"  {where}: expected a number, got true or false" for where in wrong)
        raise ConfigError(f"{source}:\n{lines}")
    return parsed


def _truths_as_numbers(data: Any, taken: Any, where: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the places where ``data`` says true or false and ``taken`` has a number.

    To pydantic true is one of ``Literal[1]``, as in Python, even where it is strict.
    """
    if isinstance(data, bool):
        if not isinstance(taken, bool):
            yield ".".join(where)
    elif isinstance(data, dict) and isinstance(taken, dict):
        for key in data.keys() & taken.keys():
            yield from _truths_as_numbers(data[key], taken[key], (*where, key))
    elif isinstance(data, list) and isinstance(taken, list):
        for index, pair in enumerate(zip(data, taken, strict=False)):
            yield from _truths_as_numbers(*pair, (*where, str(index)))


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
    except (yaml.YAMLError, ValueError, RecursionError) as error:
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
        ConfigError: file missing, not JSON (``.json``) or YAML (any other), a key twice, or not of
            the schema; names file and field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file; damaged?") from error
    data = _read_json(text, path) if path.suffix == ".json" else _read_yaml(text, path)
    if data is None and path.suffix != ".json":
        raise ConfigError(f"{path}: is empty; expected keys and values")
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected keys and values, found {type(data).__name__}")
    for assignment in overrides:
        set_value(data, assignment)
    return parse(model, data, source=str(path), overrides=overrides)


class _Object(dict[str, Any]):
    """A JSON object that remembers ``twice``, a key that it was given twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        keys = [key for key, _ in pairs]
        self.twice = next((key for key in self if keys.count(key) > 1), None)


def _read_json(text: str, path: Path) -> Any:
    try:
        data = json.loads(text, object_pairs_hook=_Object)
        twice = next(_keys_twice(data), None)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path}: not a JSON file: {error.msg} at line {error.lineno}; damaged?"
        ) from error
    except ValueError as error:  # more digits than Python reads
        raise ConfigError(f"{path}: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deep") from error
    if twice is not None:
        raise ConfigError(f"{path}: {twice}: there twice; keep one of them")
    return data


def _keys_twice(data: Any, where: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the places of keys that their objects were given twice."""
    if isinstance(data, _Object):
        if data.twice is not None:
            yield ".".join((*where, data.twice))
        for key, value in data.items():
            yield from _keys_twice(value, (*where, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _keys_twice(value, (*where, str(index)))


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, but a key may stand only once in its mapping, as YAML itself says."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Here, not where mappings become values: merged keys (<<) may be overridden.
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if (key.tag, key.value) in seen:
                raise _KeyTwiceError(key.value, key.start_mark.line + 1)
            seen.add((key.tag, key.value))
        return node


class _KeyTwiceError(Exception):
    """``key`` stands in its mapping a second time in ``line``."""

    def __init__(self, key: str, line: int) -> None:
        super().__init__(f"there twice, again at line {line}")
        self.key = key


def _read_yaml(text: str, path: Path) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # a safe loader
    except _KeyTwiceError as error:
        raise ConfigError(f"{path}: {error.key}: {error}; keep one of them") from error
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "not text"
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" at line {mark.line + 1}"
        raise ConfigError(f"{path}: not a YAML file: {problem}{where}; damaged?") from error
    except ValueError as error:  # a date that is none, more digits than Python reads
        raise ConfigError(f"{path}: {error}; write the value in quotes") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deep") from error
