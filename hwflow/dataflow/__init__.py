"""FINN+ as a library: QONNX to streaming RTL."""
