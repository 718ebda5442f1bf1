"""The XNOR unit in RTL, over folds that hit every branch of the module."""

import numpy as np
import pytest
from layer_case import SEED, run_layer

from hwflow.dataflow.packing import write_thresholds, write_weights

pytestmark = pytest.mark.sim

CASES = [
    # mw, mh, simd, pe, thresholded
    pytest.param(12, 6, 4, 2, True, id="folded-both-ways"),
    pytest.param(9, 4, 9, 4, False, id="one-fold"),
    pytest.param(7, 5, 1, 1, True, id="serial"),
    pytest.param(13, 4, 13, 2, False, id="row-folds-only"),
    pytest.param(64, 8, 16, 8, True, id="column-folds-only"),
    pytest.param(30, 6, 10, 3, False, id="padded-tree"),
]


@pytest.mark.parametrize(("mw", "mh", "simd", "pe", "thresholded"), CASES)
def test_products(tmp_path, mw, mh, simd, pe, thresholded):
    random = np.random.default_rng(SEED)
    build = tmp_path / "build"
    build.mkdir()
    weights = random.choice(np.array([-1, 1]), size=(mh, mw))
    weights[0] = 1  # so that a vector of ones reaches the largest popcount
    bits = random.integers(0, 2, size=(12, mw))
    bits[0], bits[1] = 1, 0
    case = {"weights": weights, "bits": bits}
    write_weights(build / "weights.dat", weights, simd=simd, pe=pe)
    if thresholded:
        thresholds = random.integers(-mw // 2, mw // 2 + 1, size=mh)
        # Rows that always and never fire, at and beyond the ends of the range.
        thresholds[0], thresholds[1], thresholds[-1] = mw, -mw, mw + 1
        case["thresholds"] = thresholds
        write_thresholds(build / "thresholds.dat", thresholds, mw=mw, pe=pe)
    run_layer(
        "hwf_xnor_mvau",
        modules=("hwf_popcount", "hwf_xnor_mvau"),
        parameters={"MW": mw, "MH": mh, "SIMD": simd, "PE": pe, "UseThreshold": int(thresholded)},
        case=case,
        build_dir=build,
    )
