"""A network small enough to be built and simulated in seconds."""

import onnx
from lower.model_writer import Writer

TARGET_II = 400


def write_network(path, *, seed=3):
    """Write a 4-bit network of two layers that reads the bytes of 8 × 8 images; 5 classes."""
    writer = Writer((1, 1, 8, 8), seed=seed)
    x = writer.quant("x", 16.0, 4, signed=0)
    x = writer.add("Relu", writer.conv(x, 1, 4, pads=[1, 1, 1, 1], strides=[2, 2]))
    x = writer.quant(x, 16.0, 4, signed=0)
    x = writer.add("MatMul", writer.add("Flatten", x), writer.weights(4 * 4 * 4, 5))
    onnx.save(writer.model(x), path)
    return path


def tamper(accelerator):
    """Change one weight of the accelerator in the folder ``accelerator``."""
    memory = min((accelerator / "rtl").rglob("*_weights.dat"))
    text = memory.read_text()
    memory.write_text(f"{int(text[0], 16) ^ 1:x}{text[1:]}")
