"""``exactness.json``: links of the exactness chain that a step has checked."""

from __future__ import annotations

from typing import Literal

from hwflow.config.base import StrictModel
from hwflow.config.bundle import Link

EXACTNESS_FILE = "exactness.json"


class Exactness(StrictModel):
    """``exactness.json`` in an accelerator's folder: QONNX against the graph the RTL came from."""

    schema_version: Literal[1]
    links: tuple[Link, ...]
