"""Networks of the field with random weights, to try the generator on without training.

Each is what somebody else's export would hold: the networks of brevitas' own examples unmodified,
and a VGG, a residual, a depthwise-separable and a one-dimensional network in plain Brevitas.
"""

from hwflow.nets.examples.registry import EXAMPLES, Example, example

__all__ = ["EXAMPLES", "Example", "example"]
