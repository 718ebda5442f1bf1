"""Verilator: cocotb runner and compiled harness."""
