"""Networks as Brevitas exports them are read unmodified, and compute the same."""

import time

import numpy as np
import onnx
import pytest
from onnx_execution import as_graph_input, execute_graph, execute_model

from hwflow.export.example import write_example
from hwflow.lower.read import read

# Of networks that differ in width or bits alone, one each.
NETWORKS = (
    "tfc_w1a1",
    "lfc_w1a2",
    "cnv_w1a1",
    "cnv_w2a2",
    "vgg_w4a4",
    "resnet8_w8a8",
    "mobilenet_w4a4",
    "keyword_w4a8",
)
MOST_SECONDS = 5


@pytest.mark.parametrize("name", NETWORKS)
def test_example_computes_the_same(name, tmp_path):
    path = tmp_path / "model.onnx"
    entry = write_example(name, path, seed=1)
    start = time.perf_counter()
    graph = read(path)
    assert time.perf_counter() - start < MOST_SECONDS
    assert not graph.channels_last
    assert graph.shapes[graph.output] == (1, graph.shapes[graph.output][1])
    assert "Transpose" not in {op.kind for op in graph.ops}
    model = onnx.load(path)
    frame = np.random.default_rng(2).integers(0, 256, (1, *entry.shape)).astype(np.float32)
    frame *= np.float32(entry.input_scale)
    wanted = execute_model(model, {model.graph.input[0].name: frame})[model.graph.output[0].name]
    got = execute_graph(graph, as_graph_input(graph, frame))
    # A Gemm adds its bias in its own order; here the last one of the keyword network, by 1 ulp.
    gemm = any(node.op_type == "Gemm" for node in model.graph.node)
    largest = np.abs(wanted).max()
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2.0**-22 * largest if gemm else 0)
