"""Which of an accelerator's files one module needs: its sources and memory files, no more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from hwflow.errors import ConfigError

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_DESIGN_UNIT = re.compile(r"^\s*(?:module|package)\s+(\w+)", re.MULTILINE)
_WORD = re.compile(r"\w+")
_STRING = re.compile(r'"([^"\n]*)"')


class Sources:
    """The sources of an accelerator, in the order of compilation, and who refers to whom.

    A source refers to another if one of its words, outside of comments, is a module or package of
    the other: never too few sources, and rarely one too many.
    """

    def __init__(self, folder: Path, sources: Iterable[str]) -> None:
        self.folder = folder
        self.texts = {source: (folder / source).read_text(encoding="utf-8") for source in sources}
        self._home: dict[str, str] = {}
        self._words: dict[str, frozenset[str]] = {}
        for source, text in self.texts.items():
            code = _COMMENT.sub(" ", text)
            self._home |= dict.fromkeys(_DESIGN_UNIT.findall(code), source)
            self._words[source] = frozenset(_WORD.findall(code))

    def __contains__(self, module: str) -> bool:
        return module in self._home

    def needed_by(self, module: str, *, without: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the sources that ``module`` needs, less those that define a module ``without``.

        Raises:
            ConfigError: no source defines the module.
        """
        if module not in self:
            raise ConfigError(
                f"{self.folder}: no source defines module {module}; run `hwflow build` again"
            )
        found: set[str] = set()
        ahead = {self._home[module]}
        left_out = {self._home[name] for name in without}
        while ahead:
            source = ahead.pop()
            found.add(source)
            homes = {self._home[word] for word in self._words[source] if word in self._home}
            ahead |= homes - found - left_out
        return tuple(source for source in self.texts if source in found)

    def memories_of(self, sources: Iterable[str]) -> Mapping[str, bytes]:
        """Return the memory files that ``sources`` name, whole or by how they begin."""
        named = tuple(
            text
            for source in sources
            for text in _STRING.findall(self.texts[source])
            if "/" in text
        )
        folders = {Path(source).parent for source in self.texts}
        paths = sorted(path for folder in folders for path in (self.folder / folder).glob("*.dat"))
        names = {path.relative_to(self.folder).as_posix(): path for path in paths}
        return {name: path.read_bytes() for name, path in names.items() if name.startswith(named)}
