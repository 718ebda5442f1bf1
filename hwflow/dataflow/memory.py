"""Where a read-only memory goes; the rule itself is in ``hwflow.cost.memory``, edit it there."""

from __future__ import annotations

from hwflow.cost.memory import RAM_STYLES, rom_in_block, rom_luts, rom_ramb18

__all__ = ["RAM_STYLES", "rom_in_block", "rom_luts", "rom_ramb18"]
