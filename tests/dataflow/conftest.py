"""A tiny two-stage bundle, and the accelerator built of it once per session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from .networks import SHAPE, tiny_design, tiny_nets, write_bundle


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
