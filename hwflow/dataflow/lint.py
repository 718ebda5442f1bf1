"""Verilator waivers for FINN's RTL, file by file. Our own sources need none."""

from __future__ import annotations

from collections.abc import Sequence

LINT_FILE = "verilator.vlt"

# Reasons, per rule: FINN's sources mix widths freely (values fit), mark simulation-only delays,
# reverse a constant slice on purpose, and infer a latch in a function-like block whose branches
# the generated parameters cover.
RULES = (
    "WIDTHEXPAND",
    "WIDTHTRUNC",
    "SELRANGE",
    "STMTDLY",
    "INITIALDLY",
    "LATCH",
    "UNSIGNED",
    "CMPCONST",
    "GENUNNAMED",
    "UNUSEDPARAM",
    "UNUSEDSIGNAL",
    "UNDRIVEN",
    "PINCONNECTEMPTY",
    "DECLFILENAME",
    "VARHIDDEN",
    "IMPORTSTAR",
    "BLKSEQ",
    "ASCRANGE",
    "TIMESCALEMOD",
    "EOFNEWLINE",
    "PROCASSINIT",
    "UNOPTFLAT",
)


def render_waivers(sources: Sequence[str]) -> str:
    """Return a Verilator control file that waives ``RULES`` in what is not named ``hwf_*``."""
    foreign = [source for source in sources if not source.rpartition("/")[2].startswith("hwf_")]
    lines = ["`verilator_config", "// Sources that come from FINN or wire FINN's layers up."]
    lines += [
        f'lint_off -rule {rule} -file "*/{file.rpartition("/")[2]}"'
        for file in sorted(foreign)
        for rule in RULES
    ]
    return "\n".join(lines) + "\n"
