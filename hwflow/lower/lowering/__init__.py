"""From the normal form to the integer network: floats between integers become thresholds."""

from hwflow.lower.lowering.input_spec import InputSpec, ResolvedInput, resolve_input
from hwflow.lower.lowering.lower import Lowered, lower, lower_file, trace

__all__ = ["InputSpec", "Lowered", "ResolvedInput", "lower", "lower_file", "resolve_input", "trace"]
