"""Mutants of the controller's RTL: one small change of the source text each, drawn from a seed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

# A change of one line: what it was, and what may stand there instead.
_Edit = Callable[[str], Iterator[str]]

_COMMENT = re.compile(r"//.*$")
# Not part of the design's logic: sizes, declarations, generate blocks, checks, notes, templates.
_SKIPPED = re.compile(
    r"unused|\$fatal|gen_|default_nettype|\(\*|\{%|\bfor \("
    r"|^\s*(?:module|import|typedef|localparam|logic|parameter|\.[A-Z]\w*\s*\()"
)
_TIED_OFF = re.compile(r"assign [^=]+ = (?:'[01]|1'b[01]);")


@dataclass(frozen=True)
class Mutant:
    """``file`` with line number ``line`` (from 1) ``old`` replaced by ``new``."""

    file: str
    line: int
    operator: str
    old: str
    new: str

    @property
    def key(self) -> str:
        """Names the change wherever its line moves."""
        text = "\0".join((self.file, self.operator, self.old.strip(), self.new.strip()))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def applied(self, text: str) -> str:
        """Return the file's ``text`` with the change."""
        lines = text.split("\n")
        assert lines[self.line - 1] == self.old, f"{self.file}:{self.line} is another text"
        lines[self.line - 1] = self.new
        return "\n".join(lines)


def mutants_of(file: str, text: str) -> list[Mutant]:
    """Return every mutant of ``text`` that the operators know; one per line and change."""
    found: dict[tuple[int, str], Mutant] = {}
    for number, line in _logic(text):
        for name, edit in _OPERATORS.items():
            for new in edit(line):
                mutant = Mutant(file, number, name, line, new)
                if new != line:
                    found.setdefault((number, new), mutant)
    return list(found.values())


def draw(texts: Mapping[str, str], *, per_file: int, seed: int) -> list[Mutant]:
    """Return ``per_file`` mutants of each of ``texts``, or all where there are fewer.

    Operators take turns, so that the frequent ones do not crowd out the others.
    """
    drawn = []
    for file, text in texts.items():
        random = np.random.default_rng([seed, *file.encode()])
        by_operator: dict[str, list[Mutant]] = {}
        for mutant in mutants_of(file, text):
            by_operator.setdefault(mutant.operator, []).append(mutant)
        for choices in by_operator.values():
            random.shuffle(choices)
        names = sorted(by_operator)
        random.shuffle(names)
        chosen: list[Mutant] = []
        while len(chosen) < per_file and any(by_operator.values()):
            for name in names:
                if by_operator[name] and len(chosen) < per_file:
                    chosen.append(by_operator[name].pop())
        drawn += sorted(chosen, key=lambda mutant: (mutant.line, mutant.new))
    return drawn


def _logic(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines of modules' bodies, comments and checks aside."""
    body = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(");"):
            body = True
            continue
        if line.startswith("endmodule"):
            body = False
        if body and not _SKIPPED.search(line) and _COMMENT.sub("", line).strip():
            yield number, line


def _replace_each(pattern: str, new: Callable[[re.Match[str]], str]) -> _Edit:
    compiled = re.compile(pattern)

    def edit(line: str) -> Iterator[str]:
        code = _COMMENT.sub("", line)
        for match in compiled.finditer(code):
            yield line[: match.start()] + new(match) + line[match.end() :]

    return edit


def _fixed(pattern: str, new: str) -> _Edit:
    return _replace_each(pattern, lambda _match: new)


def _negated_ifs(line: str) -> Iterator[str]:
    """Yield ``line`` with the condition of its ``if`` negated."""
    match = re.search(r"\bif \(", line)
    if not match:
        return
    start, depth = match.end() - 1, 0
    for end in range(start, len(line)):
        depth += {"(": 1, ")": -1}.get(line[end], 0)
        if depth == 0:
            yield f"{line[: start + 1]}!({line[start + 1 : end]}){line[end:]}"
            return


def _swapped(line: str) -> Iterator[str]:
    operand = r"[^?:,;()]+(?:\([^()]*\))?"
    match = re.search(rf" \? ({operand}?) : ({operand}?)(?=[;,)])", line)
    if match:
        first, second = match.groups()
        yield f"{line[: match.start()]} ? {second} : {first}{line[match.end() :]}"


def _stuck(value: str) -> _Edit:
    def edit(line: str) -> Iterator[str]:
        if not _TIED_OFF.search(line):
            yield re.sub(r"^(\s*assign [^=]+ = )[^;]+;", rf"\g<1>{value};", line)

    return edit


def _moved(match: re.Match[str]) -> str:
    size, base, digits = match.groups()
    radix = {"b": 2, "d": 10, "h": 16}[base]
    value = (int(digits, radix) + 1) % (1 << int(size))
    shown = {"b": f"{value:0{size}b}", "d": str(value), "h": f"{value:x}"}[base]
    return f"{size}'{base}{shown}"


_TERM = r"!?[\w.$]+(?:\[[^\[\]]*\])?"
_OPERATORS: dict[str, _Edit] = {
    "negate a condition": _negated_ifs,
    "and for or": _fixed(r"\|\|", "&&"),
    "or for and": _fixed(r"&&", "||"),
    "other than for equal": _fixed(r"==", "!="),
    "equal for other than": _fixed(r"!=", "=="),
    "greater for not less": _fixed(r">=", ">"),
    "bound included": _replace_each(r" ([<>]) ", lambda match: f" {match[1]}= "),
    "plus for minus": _fixed(r" - ", " + "),
    "minus for plus": _fixed(r" \+ ", " - "),
    "constant plus one": _replace_each(r"(\d+)'([bdh])([0-9a-f]+)\b", _moved),
    "ones for zeros": _fixed(r"'0", "'1"),
    "drop a term after": _fixed(rf" (?:&&|\|\|) {_TERM}(?=[;)])", ""),
    "drop a term before": _fixed(rf"(?<=[(= ]){_TERM} (?:&&|\|\|) ", ""),
    "drop a negation": _fixed(r"[!~](?=[\w(])", ""),
    "swap then and else": _swapped,
    "drop a reset": _fixed(r"\bif \(!ap_rst_n\)", "if (1'b0)"),
    "stuck at zero": _stuck("'0"),
    "stuck at one": _stuck("'1"),
    "never written": _replace_each(
        r"^(\s*)(if \([^;]*\)) \w+(?:\[[^=]*\])? <= [^;]+;", lambda match: f"{match[1]}{match[2]};"
    ),
}
