"""From an ONNX file to its normal form: one spelling of everything, or a typed refusal."""

from hwflow.lower.read.reader import read

__all__ = ["read"]
