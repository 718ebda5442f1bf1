"""Accelerator parameters: what cannot be built is refused with expected and got."""

from __future__ import annotations

import dataclasses

import pytest

from hwflow.errors import ConfigError
from hwflow.rtl.accelerator import AcceleratorParameters, StagePorts, render

GOOD = AcceleratorParameters(
    stages=(StagePorts("stage0", 1, 9, 1), StagePorts("stage1", 4, 20, 2)),
    classes=10,
    frame_bytes=252,
    frame_beat_bytes=8,
    retention_frames=(4,),
    queue_frames=(3,),
    retention_in_block=(False,),
    threshold_int=(6,),
    reorder_frames=8,
)


def stage(**changes):
    return {"stages": (dataclasses.replace(GOOD.stages[0], **changes), GOOD.stages[1])}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"stages": ()}, "stages"),
        ({"classes": 1}, "classes"),
        ({"classes": 4097}, "classes"),
        ({"frame_bytes": 0}, "frame_bytes"),
        ({"frame_beat_bytes": 3}, "frame_beat_bytes"),
        ({"frame_beat_bytes": 128}, "frame_beat_bytes"),
        ({"retention_frames": (1,)}, "retention_frames"),
        ({"retention_frames": ()}, "retention_frames"),
        ({"queue_frames": (0,)}, "queue_frames"),
        ({"queue_frames": (5,)}, "queue_frames"),
        ({"reorder_frames": 1}, "reorder_frames"),
        ({"reorder_frames": 12}, "reorder_frames"),
        (
            {
                "stages": (*GOOD.stages, GOOD.stages[1]),
                "retention_frames": (32768, 2),
                "queue_frames": (1, 1),
                "retention_in_block": (True, True),
                "threshold_int": (1, 1),
            },
            "retention_frames",
        ),
        ({"threshold_int": (-1,)}, "threshold_int"),
        ({"threshold_int": (1, 2)}, "threshold_int"),
        ({"build_id": 1 << 32}, "build_id"),
        (stage(in_bytes=5), r"stages\[0\] \(stage0\).in_bytes"),
        (stage(in_bytes=0), "in_bytes"),
        (stage(score_bits=33), "score_bits"),
        (stage(score_lanes=11), "score_lanes"),
        (stage(top="0stage"), "top"),
    ],
)
def test_refused(changes, where):
    with pytest.raises(ConfigError, match=rf"{where}: expected .*, got"):
        dataclasses.replace(GOOD, **changes)


def test_derived_sizes():
    assert GOOD.frame_beats == 32
    assert GOOD.margin_bits == 20
    assert GOOD.stages[1].score_tdata_bits == 40
    assert dataclasses.replace(GOOD, **stage(score_bits=9)).stages[0].score_tdata_bits == 16


def test_rendered_text_is_the_design():
    texts = render(GOOD)
    assert list(texts) == ["hwf_regs.sv", "hwf_accelerator.sv"]
    top = texts["hwf_accelerator.sv"]
    assert ".FrameBeats(32'd32)" in top
    assert ".MarginBits(32'd20)" in top
    assert ".RetainFrames({16'd32, 16'd4})" in top
    assert "output      logic [39:0] tap1_data_o" in top
    assert render(GOOD) == texts
