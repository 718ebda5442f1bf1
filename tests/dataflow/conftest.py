"""A tiny two-stage bundle, and the accelerator built of it once per session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import Net, write_bundle

from hwflow.config.design import Design, TargetCycles

SHAPE = (8, 8, 2)


def tiny_design(*targets: int) -> Design:
    return Design(
        schema_version=1,
        name="tiny",
        board="pynq-z2",
        frame_beat_bytes=8,
        stages=tuple(TargetCycles(target_ii_cycles=target) for target in targets),
        escalation_rate=0.25,
        retention_frames="auto",
    )


def tiny_nets() -> list[Net]:
    binary = Net(SHAPE, binary=True, seed=3).conv(8).conv(16).pool().linear(24).scores(5)
    multi = Net(SHAPE, binary=False, seed=4).conv(4).pool().conv(6, kernel=2).scores(5)
    return [binary, multi]


@pytest.fixture(scope="session")
def frames() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, size=(24, *SHAPE), dtype=np.uint8)


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory, frames) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "tiny", tiny_nets(), frames)


@pytest.fixture(scope="session")
def tiny_accelerator(tmp_path_factory, tiny_bundle) -> Path:
    from hwflow.dataflow.accelerator import build

    out = tmp_path_factory.mktemp("accelerator") / "tiny"
    build(tiny_design(400, 900), tiny_bundle, out)
    return out
