"""Where the package's own SystemVerilog lies, in compile order."""

from __future__ import annotations

from pathlib import Path

RTL_DIR = Path(__file__).parent

# Stream blocks first, the composed controller last. Layers of a stage are listed by the build.
CASCADE_SOURCES: tuple[Path, ...] = tuple(
    RTL_DIR / f"{name}.sv"
    for name in (
        "hwf_skid",
        "hwf_fifo",
        "hwf_fork",
        "hwf_merge",
        "hwf_soft_reset",
        "hwf_frame_guard",
        "hwf_gearbox",
        "hwf_top2",
        "hwf_retain",
        "hwf_decide",
        "hwf_level",
        "hwf_reorder",
        "hwf_alarm",
        "hwf_cascade",
    )
)
