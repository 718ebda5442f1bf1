"""hwflow: cascaded mixed-precision networks from PyTorch to FPGA."""

__version__ = "0.1.0"
