import pytest

from hwflow.bench.harness_speed import measure

pytestmark = [pytest.mark.finn, pytest.mark.sim]


@pytest.mark.slow
def test_the_harness_is_near_the_bare_loop_and_far_from_cocotb(small_accelerator):
    found = measure(small_accelerator.folder, frames=1000, cocotb_frames=60, repeats=3)
    assert all(len(speed.runs) == 3 for speed in (found.harness, found.bare, found.cocotb))
    assert found.over_cocotb >= 5
    assert found.of_bare >= 0.8
