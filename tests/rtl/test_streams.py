"""Stream blocks of the controller in Verilator: idle × stall × sizes."""

from __future__ import annotations

import pytest
from launch import SIM, launch

from hwflow.rtl.files import CASCADE_SOURCES, RTL_DIR

pytestmark = pytest.mark.sim


@pytest.mark.parametrize("depth", [1, 2, 3, 8, 70])
def test_fifo(tmp_path, depth):
    launch("hwf_fifo", tmp_path, parameters={"DataBits": 13, "Depth": depth})


@pytest.mark.parametrize("depth", [1, 2, 3, 8, 70])
def test_fifo_in_block_memory(tmp_path, depth):
    launch(
        "hwf_fifo",
        tmp_path,
        parameters={"DataBits": 13, "Depth": depth},
        sources=[RTL_DIR / "hwf_fifo_block.sv"],
        top="hwf_fifo_block",
        facts={"latency": 2},
    )


def test_skid(tmp_path):
    launch("hwf_skid", tmp_path, parameters={"DataBits": 17})


@pytest.mark.parametrize(("top", "outputs"), [("fork_pair", 2), ("fork_three", 3)])
def test_fork(tmp_path, top, outputs):
    launch(
        "hwf_fork",
        tmp_path,
        parameters={"DataBits": 9},
        sources=[*CASCADE_SOURCES, SIM / "hwf_fork" / f"{top}.sv"],
        top=top,
        facts={"outputs": outputs},
    )


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_merge(tmp_path, inputs):
    launch("hwf_merge", tmp_path, parameters={"Inputs": inputs, "DataBits": 16})


@pytest.mark.parametrize(
    ("frame", "wide", "out"),
    [(256, 8, 1), (27, 8, 3), (24, 8, 8), (36, 8, 12), (48, 4, 16), (5, 8, 5), (9, 1, 3)],
)
def test_gearbox(tmp_path, frame, wide, out):
    values = {"FrameBytes": frame, "InBytes": wide, "OutBytes": out}
    launch("hwf_gearbox", tmp_path, parameters=values)


@pytest.mark.parametrize(
    ("classes", "lanes", "bits"),
    [(10, 1, 9), (10, 2, 16), (10, 4, 8), (10, 10, 20), (2, 3, 32), (35, 7, 32), (17, 16, 2)],
)
def test_top2(tmp_path, classes, lanes, bits):
    values = {"Classes": classes, "Lanes": lanes, "ScoreBits": bits}
    launch("hwf_top2", tmp_path, parameters=values)


@pytest.mark.parametrize(
    ("frames", "beats", "queue", "in_block"),
    [(2, 3, 1, 0), (3, 4, 3, 1), (8, 1, 2, 0), (16, 1, 5, 1), (4, 16, 2, 0)],
)
def test_retain(tmp_path, frames, beats, queue, in_block):
    values = {"Frames": frames, "Beats": beats, "Queue": queue, "InBlock": in_block}
    values |= {"BeatBits": 12, "UserBits": 20, "OnBits": 9}
    launch("hwf_retain", tmp_path, parameters=values)


@pytest.mark.parametrize("frames", [2, 8, 32])
def test_reorder(tmp_path, frames):
    launch("hwf_reorder", tmp_path, parameters={"Frames": frames, "DataBits": 20})


@pytest.mark.parametrize("bits", [3, 16])
def test_alarm(tmp_path, bits):
    launch("hwf_alarm", tmp_path, parameters={"CountBits": bits})


@pytest.mark.parametrize("beats", [1, 2, 4, 5])
def test_frame_guard(tmp_path, beats):
    values = {"Beats": beats, "BeatBits": 16, "SettingsBits": 11, "IdBits": 4}
    launch("hwf_frame_guard", tmp_path, parameters=values)
