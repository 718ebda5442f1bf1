"""Each own layer block and memory file: break one line, and the stage's scores name a frame."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from hwflow.config.bundle import GOLDEN_FILE
from hwflow.dataflow.verify import compare
from hwflow.errors import VerificationError
from hwflow.simulate.stage import run_stage

pytestmark = [pytest.mark.finn, pytest.mark.sim]

LINES = {
    "xnor": ("hwf_dot_lut.sv", "? ~(weight ^ act)", "? (weight ^ act)"),
    "threshold": ("hwf_mac_core.sv", "(first ? init[", "(first ? ~init["),
    "triple": ("hwf_popcount.sv", "a[g] ^ b[g] ^ c[g]}", "a[g] ^ b[g]}"),
    "maximum": ("hwf_pool.sv", "first || above ?", "first || !above ?"),
}


@pytest.fixture
def accelerator(tiny_accelerator, tmp_path):
    return shutil.copytree(tiny_accelerator, tmp_path / "accelerator")


def check_stage(folder, stage, frames) -> None:
    with np.load(folder / "bundle" / GOLDEN_FILE) as golden:
        expected = golden[f"scores_{stage}"]
    got = run_stage(folder, stage, frames).scores
    compare(f"golden-rtl scores of stage {stage}", expected, got)


@pytest.mark.parametrize("name", LINES)
def test_broken_line_is_found(accelerator, frames, name):
    file, old, new = LINES[name]
    path = accelerator / "rtl" / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(VerificationError, match="first at frame"):
        check_stage(accelerator, 0, frames)


@pytest.mark.parametrize(
    ("stage", "pattern"),
    [
        (0, "*HwfXnorMVAU*_weights.dat"),
        (0, "*HwfXnorMVAU*_init.dat"),
        (0, "*Thresholding*_threshs_0_0.dat"),
        (1, "*MVAU_rtl_weights.dat"),
        (1, "*HwfRequant*_biases.dat"),
    ],
)
def test_changed_memory_is_found(accelerator, frames, stage, pattern):
    """Memory files are read when a simulation starts, so this compiles nothing anew."""
    path = min((accelerator / "rtl").glob(f"stage{stage}_{pattern}"))
    words = path.read_text().split()
    # The top digit but one: a sign or a high bit, so that the change is felt.
    words = [f"{int(word, 16) ^ (1 << max(0, 4 * len(word) - 6)):0{len(word)}x}" for word in words]
    path.write_text("\n".join(words) + "\n")
    with pytest.raises(VerificationError, match="first at frame"):
        check_stage(accelerator, stage, frames)
