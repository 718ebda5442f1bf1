"""Single networks that take turns by chance: what accuracies between theirs cost without a cascade.

Frames sent at random to one of two networks are as accurate, and as dear, as the shares say. No
cascade is worth much that takes more.
"""

from __future__ import annotations

from collections.abc import Sequence

from hwflow.reproduce.metrics import SingleMetrics


def mixed_bops(accuracy: float, singles: Sequence[SingleMetrics]) -> float | None:
    """Return the least average BOPs at which two of ``singles``, or one, reach ``accuracy``.

    On test frames. None where no network is so accurate.
    """
    places = [(one.accuracy["test"].value, one.bops.value) for one in singles]
    found = [bops for reached, bops in places if reached >= accuracy]
    for low, less in places:
        for high, more in places:
            if low < accuracy < high:
                found.append(less + (accuracy - low) / (high - low) * (more - less))
    return min(found, default=None)
