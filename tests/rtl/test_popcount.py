"""The popcount tree in RTL, at widths around the edges of its levels."""

import math

import numpy as np
import pytest
from layer_case import SEED, run_layer

pytestmark = pytest.mark.sim


@pytest.mark.parametrize("width", [1, 3, 4, 7, 10, 36])
def test_counts(tmp_path, width):
    random = np.random.default_rng(SEED)
    words = set(range(1 << width)) if width <= 7 else {0, 1, (1 << width) - 1, 1 << (width - 1)}
    words |= {int(word) for word in random.integers(0, 1 << width, size=150)}
    shuffled = random.permutation(sorted(words))
    run_layer(
        "hwf_popcount",
        modules=("hwf_popcount",),
        parameters={"Width": width, "Latency": 1 + math.ceil(math.log2(math.ceil(width / 3)))},
        case={
            "words": np.array([f"{int(word):x}" for word in shuffled]),
            "enable": random.random(2 * len(words)) < 0.7,
        },
        build_dir=tmp_path / "build",
    )
