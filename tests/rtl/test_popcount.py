"""The popcount tree in RTL, at widths around the edges of its groups and levels."""

import math

import numpy as np
import pytest
from layer_case import SEED, run_layer

pytestmark = pytest.mark.sim


@pytest.mark.parametrize(("width", "more"), [(1, 0), (2, 2), (6, 0), (7, 1), (36, 0), (65, 3)])
def test_counts(tmp_path, width, more):
    """``more``: clocks of delay beyond the tree's own."""
    random = np.random.default_rng(SEED)
    words = set(range(1 << width)) if width <= 7 else {0, 1, (1 << width) - 1, 1 << (width - 1)}
    words |= {int(word) for word in random.integers(0, 1 << min(width, 62), size=150)}
    latency = 1 + math.ceil(math.log2(math.ceil(width / 6)))
    shuffled = random.permutation(sorted(words))
    run_layer(
        "hwf_popcount",
        modules=("hwf_adder_tree", "hwf_popcount"),
        parameters={"Width": width, "Latency": latency + more},
        case={
            "words": np.array([f"{int(word):x}" for word in shuffled]),
            "enable": random.random(2 * len(words)) < 0.7,
        },
        build_dir=tmp_path / "build",
    )
