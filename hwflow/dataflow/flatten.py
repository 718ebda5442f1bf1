"""An activation of the input alone, as wide as the layer behind it: any part of a frame per beat.

A fully connected network reads a map of one channel, and its first activation would take one pixel
a clock. Where every channel has the same thresholds it may as well take the frame as one vector.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from hwflow.dataflow.activation import REQUANT_STEPS
from hwflow.lower.network import Layer, Network, Reshape, Threshold

Model = Any

THRESHOLDING = "Thresholding_rtl"


def flatten_input(network: Network) -> Network:
    """Return ``network`` with a reshape of the activated input moved in front of the activation."""
    layers: list[Layer] = []
    flattened: set[str] = set()
    for layer in network.layers:
        if isinstance(layer, Threshold) and _is_uniform(network, layer):
            readers = list(network.readers(layer.output.name))
            if len(readers) == 1 and isinstance(readers[0], Reshape):
                vector = readers[0].output
                flat = replace(network.input, name=f"{network.input.name}_flat", shape=vector.shape)
                rows = np.repeat(layer.thresholds[:1], prod(vector.shape), axis=0)
                layers.append(replace(readers[0], inputs=layer.inputs, output=flat))
                layer = replace(layer, inputs=(flat.name,), output=vector, thresholds=rows)
                flattened.add(readers[0].name)
        if layer.name not in flattened:
            layers.append(layer)
    return replace(network, layers=tuple(layers))


def _is_uniform(network: Network, layer: Threshold) -> bool:
    """Whether ``layer`` reads the input and treats each of its elements alike, in FINN's unit."""
    rows = layer.thresholds
    return (
        layer.inputs == (network.input.name,)
        and rows.shape[1] < REQUANT_STEPS
        and bool((rows == rows[0]).all())
    )


def has_uniform_thresholds(model: Model, node: Any) -> bool:
    """Whether ``node`` is a threshold unit that treats all its channels alike."""
    if node.op_type != THRESHOLDING:
        return False
    rows = model.get_initializer(node.input[1])
    return bool((rows == rows[0]).all())


def share_equal_thresholds(model: Model) -> Model:
    """Let each lane of a folded threshold unit keep one row where all rows are the same, in place.

    The unit then sees vectors of as many channels as it has lanes, in the same order.
    """
    from qonnx.custom_op.registry import getCustomOp

    for node in model.graph.node:
        if not has_uniform_thresholds(model, node):
            continue
        operator = getCustomOp(node)
        rows = model.get_initializer(node.input[1])
        lanes, channels = operator.get_nodeattr("PE"), operator.get_nodeattr("NumChannels")
        if lanes < channels:
            vectors = list(operator.get_nodeattr("numInputVectors"))
            operator.set_nodeattr("NumChannels", lanes)
            operator.set_nodeattr(
                "numInputVectors", [*vectors[:-1], vectors[-1] * channels // lanes]
            )
            model.set_initializer(node.input[1], rows[:lanes])
    return model
