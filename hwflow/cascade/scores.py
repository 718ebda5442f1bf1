"""How sure a stage is of its answer: the integer margin of the hardware, and its rivals.

Every score grows with confidence. The margin needs a subtraction; the others need exponentials and
are there for the analysis: the hardware decides by the margin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.decision import top2
from hwflow.errors import ConfigError

FloatArray = NDArray[np.float64]

_NAMES = ("margin", "max_softmax", "neg_entropy")
_GBVSB = re.compile(r"gbvsb_([1-9]\d*)_([1-9]\d*)")


@dataclass(frozen=True)
class Score:
    """A confidence score by ``name``; ``first`` and ``last`` are M and N of gBvSB, else 0."""

    name: str
    first: int = 0
    last: int = 0

    @property
    def is_integer(self) -> bool:
        """Whether its values are integers, as a threshold register of the hardware holds."""
        return self.name == "margin"


MARGIN = Score("margin")


def parse_score(text: str) -> Score:
    """Return the score that ``text`` names: margin, max_softmax, neg_entropy or gbvsb_M_N.

    Raises:
        ConfigError: there is no such score.
    """
    if text in _NAMES:
        return Score(text)
    match = _GBVSB.fullmatch(text)
    if match is not None and int(match[1]) < int(match[2]):
        return Score(text, int(match[1]), int(match[2]))
    raise ConfigError(
        f"score {text!r}: expected {', '.join(_NAMES)}, or gbvsb_M_N with 1 <= M < N, "
        "such as gbvsb_1_2"
    )


# What is compared where nothing else is asked for.
COMPARED = tuple(
    parse_score(name) for name in ("margin", "max_softmax", "neg_entropy", "gbvsb_1_2", "gbvsb_1_3")
)


def confidence(
    scores: NDArray[np.integer], score: Score = MARGIN, *, scale: float = 1.0
) -> NDArray[np.int64] | FloatArray:
    """Return how sure each frame's answer is, (N,), for ``scores`` (N, classes) integers.

    ``scale``: real score = integer × ``scale`` (an offset common to the classes cancels), divided
    by the temperature where one is used. The margin is int64 in integer steps, whatever ``scale``:
    a temperature multiplies all margins by one number, so that it changes neither their order nor,
    at a threshold multiplied likewise, who exits. Of the other scores it changes the order.

    ``max_softmax``: largest probability. ``neg_entropy``: Σ p·ln p; BranchyNet (Teerapittayanon et
    al., ICPR 2016) exits below a threshold of the entropy. ``gbvsb_M_N``: Σ of the M largest
    probabilities − Σ of the next N − M, the generalised best-versus-second-best after CascadeCNN
    (Kouris et al., FPL 2018). That CascadeCNN uses one is known at second hand; its formula is
    from memory and could not be read.

    Raises:
        ConfigError: gbvsb_M_N of fewer than N classes.
    """
    if score.is_integer:
        return top2(scores)[1]
    log_p = log_softmax(scores, scale=scale)
    if score.name == "max_softmax":
        largest: FloatArray = np.exp(log_p.max(axis=1))
        return largest
    if score.name == "neg_entropy":
        entropy: FloatArray = np.sum(np.exp(log_p) * log_p, axis=1)
        return entropy
    classes = scores.shape[1]
    if score.last > classes:
        raise ConfigError(
            f"score {score.name!r}: needs {score.last} classes, the network has {classes}"
        )
    ordered = np.sort(np.exp(log_p), axis=1)[:, ::-1]
    best = ordered[:, : score.first].sum(axis=1)
    rest: FloatArray = best - ordered[:, score.first : score.last].sum(axis=1)
    return rest


def log_softmax(scores: NDArray[np.integer], *, scale: float) -> FloatArray:
    """Return ln softmax of integers × ``scale``, (N, classes)."""
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise ValueError(f"scores: expected (N, classes >= 2), got {scores.shape}")
    real = scores.astype(np.float64) * scale
    real -= real.max(axis=1, keepdims=True)
    logs: FloatArray = real - np.log(np.exp(real).sum(axis=1, keepdims=True))
    return logs


def fit_temperature(
    scores: NDArray[np.integer], labels: NDArray[np.integer], *, scale: float
) -> float:
    """Return the T > 0 at which softmax(score / T) has the least cross entropy with ``labels``.

    Temperature scaling (Guo et al., ICML 2017), within ``scale`` × 2⁻²⁰ … 2³⁰ of one integer step.
    Sums of ±1 are far from logits: at T = 1 nearly all of their probabilities round to 1.
    """
    rows = np.arange(len(labels))

    def loss(exponent: float) -> float:
        return -float(log_softmax(scores, scale=2.0**-exponent)[rows, labels].mean())

    low, high = -20.0, 30.0
    # The cross entropy is convex in 1/T, so it has one minimum over ln T: golden section finds it.
    shrink = (5**0.5 - 1) / 2
    left, right = high - shrink * (high - low), low + shrink * (high - low)
    at_left, at_right = loss(left), loss(right)
    for _ in range(40):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - shrink * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + shrink * (high - low)
            at_right = loss(right)
    return float(scale * 2.0 ** ((low + high) / 2))
