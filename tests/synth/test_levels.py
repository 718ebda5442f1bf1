"""Longest path of little netlists."""

from __future__ import annotations

from graphlib import CycleError

import pytest

from hwflow.synth.levels import longest_path


def cell(kind, **connections):
    return {"type": kind, "connections": {port: list(bits) for port, bits in connections.items()}}


def module(**cells):
    return {"cells": cells}


def test_levels_end_at_registers():
    path = longest_path(
        module(
            a=cell("LUT2", I0=[2], I1=[3], O=[4]),
            b=cell("FDRE", D=[4], Q=[5], C=[1]),
            c=cell("LUT6", I0=[5], O=[6]),
            d=cell("INV", I=[6], O=[7]),
            e=cell("MUXF7", I0=[7], I1=[2], S=[3], O=[8]),
            f=cell("CARRY4", CI=[8], S=[2], DI=[3], O=[9], CO=[10]),
        )
    )
    assert path.cells == ("LUT6", "MUXF7", "CARRY4")
    assert (path.levels, path.luts) == (3, 1)


def test_a_chain_of_carry_cells_can_be_left_out():
    chain = {f"c{i}": cell("CARRY4", CI=[i], CO=[i + 1], O=[100 + i]) for i in range(1, 9)}
    lut = {"l": cell("LUT3", I0=[9], O=[50])}
    found = module(**chain, **lut)
    assert longest_path(found).levels == 9
    assert longest_path(found, carry=False).cells == ("LUT3",)


def test_a_memory_is_passed_by_its_read_address_alone():
    ports = {"DIA": [4], "ADDRA": [5], "DOA": [6]}
    written = module(a=cell("LUT1", I0=[2], O=[4]), m=cell("RAM32M", **ports))
    assert longest_path(written).levels == 1
    addressed = module(a=cell("LUT1", I0=[2], O=[5]), m=cell("RAM32M", **ports))
    assert longest_path(addressed).cells == ("LUT1", "RAM32M")


def test_a_loop_has_no_longest_path():
    with pytest.raises(CycleError):
        longest_path(module(a=cell("LUT1", I0=[2], O=[3]), b=cell("LUT1", I0=[3], O=[2])))
