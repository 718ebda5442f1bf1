"""The max-pool in RTL: window sizes, folds, lanes, widths, and maps that do not divide."""

import numpy as np
import pytest
from layer_case import SEED, run_layer

pytestmark = pytest.mark.sim

CASES = [
    # height, width, channels, lanes, bits, k
    pytest.param(6, 6, 4, 2, 1, 2, id="bits"),
    pytest.param(5, 7, 3, 3, 8, 2, id="cut-off-edges"),
    pytest.param(9, 6, 2, 1, 8, 3, id="window-3"),
    pytest.param(2, 2, 6, 3, 4, 2, id="one-window"),
    pytest.param(3, 2, 2, 2, 3, 1, id="window-1"),
]


@pytest.mark.parametrize(("height", "width", "channels", "lanes", "bits", "k"), CASES)
def test_maxima(tmp_path, height, width, channels, lanes, bits, k):
    random = np.random.default_rng(SEED)
    maps = random.integers(0, 1 << bits, size=(3, height, width, channels))
    run_layer(
        "hwf_pool_max",
        modules=("hwf_pool_max",),
        parameters={
            "Height": height,
            "Width": width,
            "Folds": channels // lanes,
            "Lanes": lanes,
            "Bits": bits,
            "K": k,
        },
        case={"maps": maps},
        build_dir=tmp_path / "build",
    )
