"""QONNX export and its equality checks."""
