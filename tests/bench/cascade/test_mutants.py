"""Mutants are small, differ from their text, and are drawn evenly and reproducibly."""

from __future__ import annotations

from collections import Counter

import pytest

from hwflow.bench.cascade.mutants import draw, mutants_of
from hwflow.bench.cascade.mutation import FILES, PER_FILE, drawn, explanations, texts

BODY = """module m (
    input wire logic [3:0] a, output logic y
);
  localparam int unsigned N = 1 + 2;
  if (N < 1) begin : gen_check
    $fatal(1, "no");
  end
{}
endmodule
"""


def made(line):
    return {mutant.new.strip() for mutant in mutants_of("m.sv", BODY.format(f"  {line}"))}


@pytest.mark.parametrize(
    ("line", "mutants"),
    [
        ("assign y = 1'b0;", {"assign y = 1'b1;"}),
        ("assign y = a && !b;", {"assign y = a || !b;", "assign y = a;", "assign y = a && b;"}),
        ("if (x) y <= z;", {"if (!(x)) y <= z;", "if (x);"}),
        ("y <= a >= b;", {"y <= a > b;"}),
        ("y <= c + d[2+:3];", {"y <= c - d[2+:3];"}),
        ("y <= c ? 4'd15 : 4'hf;", {"y <= c ? 4'hf : 4'd15;", "y <= c ? 4'd0 : 4'hf;"}),
        ("if (!ap_rst_n) y <= '0;", {"if (1'b0) y <= '0;", "if (!ap_rst_n) y <= '1;"}),
        ("// nothing && here", set()),
    ],
)
def test_operators(line, mutants):
    assert mutants <= made(line)


def test_sizes_and_checks_stay():
    assert made("") == set()


def test_a_mutant_changes_its_line_alone():
    text = BODY.format("  assign y = a == b;  // a == b")
    for mutant in mutants_of("m.sv", text):
        new = mutant.applied(text).split("\n")
        differing = [i for i, line in enumerate(text.split("\n"), 1) if line != new[i - 1]]
        assert differing == [mutant.line]
        assert new[mutant.line - 1].endswith("// a == b")


def test_the_benchs_mutants_are_spread_over_the_controller():
    mutants = drawn()
    assert mutants == draw(texts(), per_file=PER_FILE, seed=1)
    assert len(mutants) >= 50
    assert Counter(mutant.file for mutant in mutants) == dict.fromkeys(FILES, PER_FILE)
    assert len({mutant.key for mutant in mutants}) == len(mutants)
    assert len({mutant.operator for mutant in mutants}) >= 10


def test_survivors_are_explained():
    for key, known in explanations().items():
        assert set(known) == {"mutant", "equivalent", "why"}, key
        assert known["equivalent"] in {"yes", "no"}
