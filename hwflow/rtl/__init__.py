"""SystemVerilog sources and their file lists."""
