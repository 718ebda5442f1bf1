"""Accelerators in other people's tests: build or take from the cache, infer in RTL, compare.

>>> from hwflow.testing import open_accelerator
>>> with open_accelerator("model.onnx", board="pynq-z2") as accelerator:
...     accelerator.assert_exact()
...     labels = accelerator.infer(frames).label

``hwflow.pytest_plugin`` hands ``open_accelerator`` to pytest as the fixture
``hwflow_accelerator``. What is built lies in hwflow's cache (``$HWFLOW_CACHE``, else
``~/.cache/hwflow``): accelerators under ``accelerators``, by the hash of everything that they were
made from, and compiled simulations under ``models``, by the hash of their sources.
"""

from hwflow.simulate.library import Pauses
from hwflow.testing.accelerator import Cycles, Inference, RtlAccelerator
from hwflow.testing.build import open_accelerator

__all__ = ["Cycles", "Inference", "Pauses", "RtlAccelerator", "open_accelerator"]
