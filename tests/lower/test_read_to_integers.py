"""From each construct of foreign files to integers: the network computes the file's scores."""

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_execution import as_graph_input, execute_model
from test_read import CASES, frames

from hwflow.lower.evaluate import evaluate
from hwflow.lower.lowering import InputSpec, lower
from hwflow.lower.read import read

# The file reads the bytes themselves.
BYTES = InputSpec(scale=(1.0,))
FRAMES = 12
# A flattened map or labels at the end, or rows and columns exchanged, which lowering refuses.
NO_SCORES = {
    "residual",
    "top_k",
    "arg_max_as_floats",
    "residual_across_a_transpose",
    "batch_norm_behind_a_permutation",
}


@pytest.mark.parametrize("name", [name for name in CASES if name not in NO_SCORES])
def test_integers_are_the_scores(name, tmp_path):
    model, _ = CASES[name]()
    images = frames(model, FRAMES)
    output = model.graph.output[0].name
    if sum(size > 1 for size in execute_model(model, {"x": images[0]})[output].shape) > 1:
        model.graph.node.append(helper.make_node("GlobalMaxPool", [output], ["scores"], "tail"))
        model.graph.output[0].name = output = "scores"
    onnx.save(model, tmp_path / "m.onnx")
    graph = read(tmp_path / "m.onnx")
    network = lower(graph, BYTES)
    inputs = np.stack([as_graph_input(graph, image)[0] for image in images]).astype(np.int64)
    inputs = inputs[:, None, None] if inputs.ndim == 2 else inputs.transpose(0, 2, 3, 1)
    scores = evaluate(network, inputs) * network.score_scale + network.score_offset
    wanted = np.stack([execute_model(model, {"x": image})[output].ravel() for image in images])
    # Scores of the means over a map are sums here, and rounded in float32 in the file.
    np.testing.assert_allclose(scores, wanted, rtol=0, atol=2.0**-22 * np.abs(wanted).max())
