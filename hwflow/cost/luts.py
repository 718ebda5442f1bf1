"""LUTs of one lane of a matrix unit that counts bit planes (``hwf_dot_lut``), fitted.

A lane multiplies one weight by one activation. Each of its weight_bits × act_bits bit products
costs as much as any other: one LUT to enter a count, and its share of the adders behind. The runs
behind the fit are in ``luts.json``: yosys for xc7, ``hwf_mac_core`` without weight and replay
memory.
"""

from __future__ import annotations

# Mean over the widths in the runs, see tests/cost/test_luts.py.
LUTS_PER_BIT_PRODUCT = 1.78


def lut_lane_cost(weight_bits: int, act_bits: int) -> float:
    """Return the LUTs of a lane; ±1 weights or activations have one bit.

    Accumulator and output of a row come besides: 8 to 20 LUTs. A dense unit also replays its
    inputs: about 2 LUTs for each of SIMD × act_bits up to 32 beats, once for all rows.
    """
    return LUTS_PER_BIT_PRODUCT * weight_bits * act_bits
