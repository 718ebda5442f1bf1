"""The network as RTL: equal to its integers, also under back-pressure, and fast enough."""

import numpy as np
import pytest

from hwflow.testing import Pauses

TARGET_II = 400


@pytest.fixture(scope="session")
def accelerator(hwflow_accelerator):
    """model.onnx as an accelerator: built once, then taken from hwflow's cache."""
    return hwflow_accelerator("model.onnx", board="pynq-z2", target_ii=TARGET_II)


def test_rtl_equals_the_integers_of_the_network(accelerator):
    accelerator.assert_exact()


def test_rtl_stays_exact_under_back_pressure(accelerator):
    pauses = Pauses(idle=0.05, stall=0.2, longest=40, seed=1)
    accelerator.assert_exact(images=32, pauses=pauses)


def test_the_accelerator_keeps_its_pace(accelerator):
    shape = accelerator.bundle.input.shape
    frames = np.random.default_rng(1).integers(0, 256, (64, *shape), dtype=np.uint8)
    result = accelerator.infer(frames)
    assert result.label.shape == (64,)
    assert accelerator.cycles.ii <= 1.05 * TARGET_II
