"""From trained weights to a model bundle: freeze, calibrate, write QONNX, prove it equal."""

from hwflow.export.bundle import export

__all__ = ["export"]
