"""Data sets as uint8 frames in fixed splits."""

from hwflow.config.recipe import DigitsDataset
from hwflow.data.digits import load_digits
from hwflow.data.splits import Splits, Subset, translated

__all__ = ["Splits", "Subset", "load", "translated"]


def load(config: DigitsDataset) -> Splits:
    """Return the data set that ``config`` names; the same ``config`` gives the same bytes."""
    return load_digits(config)
