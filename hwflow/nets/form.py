"""The three forms in which one network can be built."""

from __future__ import annotations

from enum import StrEnum


class Form(StrEnum):
    """What the layers compute; parameters have the same names and shapes in all of them.

    ``FLOAT``: no quantisation, for a warm start. ``BREVITAS``: Brevitas' layers, the reference and
    what is exported. ``FAST``: the same quantisers on plain tensors, what is trained.
    """

    FLOAT = "float"
    BREVITAS = "brevitas"
    FAST = "fast"
