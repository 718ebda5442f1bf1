"""From a quantised ONNX file to the integers that it means."""
