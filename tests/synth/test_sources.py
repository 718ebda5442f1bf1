"""A module's files: all that it needs, nothing that would change its key for no reason."""

from __future__ import annotations

import pytest

from hwflow.errors import ConfigError
from hwflow.synth.sources import Sources

PACKAGE = "package p;\nendpackage\n"
LEAF = "module leaf import p::*; (input a);\nendmodule\n"
UNIT = """
// other: a word in a comment is no reference
module unit (input a);
  leaf u_leaf (.a(a));
  rom #(.File("rtl/unit_weights.dat")) u_rom ();
endmodule
"""
ROM = 'module rom;\n  parameter File = "rom.dat";\nendmodule\n'
OTHER = 'module other;\n  leaf #(.Path("rtl/other_threshs_")) u (.a(1\'b0));\nendmodule\n'
TEXTS = {"p.sv": PACKAGE, "leaf.sv": LEAF, "rom.sv": ROM, "unit.v": UNIT, "other.v": OTHER}
MEMORIES = ("unit_weights.dat", "other_threshs_0.dat", "other_threshs_1.dat", "stray.dat")


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "rtl").mkdir()
    for name, text in TEXTS.items():
        (tmp_path / "rtl" / name).write_text(text)
    for name in MEMORIES:
        (tmp_path / "rtl" / name).write_text(name)
    return Sources(tmp_path, [f"rtl/{name}" for name in TEXTS])


def test_packages_and_instances_are_found_in_the_order_of_compilation(sources):
    assert sources.needed_by("unit") == ("rtl/p.sv", "rtl/leaf.sv", "rtl/rom.sv", "rtl/unit.v")
    assert sources.needed_by("other") == ("rtl/p.sv", "rtl/leaf.sv", "rtl/other.v")


def test_what_stubs_replace_is_left_out_with_what_only_it_needs(sources):
    assert sources.needed_by("unit", without=["leaf"]) == ("rtl/rom.sv", "rtl/unit.v")


def test_memory_files_are_those_that_the_text_names_or_begins(sources):
    assert sources.memories_of(["rtl/unit.v"]) == {"rtl/unit_weights.dat": b"unit_weights.dat"}
    assert list(sources.memories_of(["rtl/other.v"])) == [
        "rtl/other_threshs_0.dat",
        "rtl/other_threshs_1.dat",
    ]


def test_modules_are_known_by_name(sources):
    assert "leaf" in sources
    assert "rtl/leaf.sv" not in sources


def test_a_module_in_no_source_is_named(sources):
    with pytest.raises(ConfigError, match=r"no source defines module absent.*hwflow build"):
        sources.needed_by("absent")
