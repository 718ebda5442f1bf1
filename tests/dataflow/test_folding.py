"""Folding: targets are met, folds divide, and a looser target never costs more lanes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hwflow.dataflow import finn
from hwflow.dataflow.folding import divisors, fold
from hwflow.dataflow.stage import StageConfig, convert
from hwflow.dataflow.streams import SLACK_WORDS

from .networks import Net

pytestmark = pytest.mark.finn

TARGETS = (100, 250, 700, 2000, 50_000)
NETS = {
    "binary": lambda: Net((8, 8, 1), True, 1).conv(12).conv(8).pool().linear(10).scores(6),
    "multi": lambda: Net((8, 8, 3), False, 7).conv(6).conv(8).pool().scores(6),
}


@pytest.fixture(scope="module", params=sorted(NETS))
def unfolded(request, tmp_path_factory):
    """Specialised layers, before folding."""
    from qonnx.core.modelwrapper import ModelWrapper

    with finn.session(tmp_path_factory.mktemp("finn") / "work"):
        folder = tmp_path_factory.mktemp(request.param)
        path = NETS[request.param]().save(folder / "net.onnx")
        convert(path, StageConfig("stage0", "xc7z020clg400-1", 10.0, 50_000), folder)
        yield lambda: ModelWrapper(str(folder / "rtl_layers.onnx"))


def operators(model):
    from qonnx.custom_op.registry import getCustomOp

    return [getCustomOp(node) for node in model.graph.node]


def lanes(operator) -> int:
    known = operator.get_nodeattr_types()
    if "MW" not in known:
        return 0
    return operator.get_nodeattr("PE") * operator.get_nodeattr("SIMD")


def test_every_target_is_met_with_whole_folds(unfolded):
    spent = []
    for target in TARGETS:
        layers = operators(fold(unfolded(), target))
        for operator in layers:
            assert operator.get_exp_cycles() <= target, operator.onnx_node.name
            for fold_name, size in (("SIMD", "MW"), ("PE", "MH"), ("SIMD", "IFMChannels")):
                known = operator.get_nodeattr_types()
                if fold_name in known and size in known:
                    assert operator.get_nodeattr(size) % operator.get_nodeattr(fold_name) == 0
        spent.append(sum(map(lanes, layers)))
    # Converters count too, so neighbours may differ by a lane or two, but not over the range.
    assert spent[0] > 4 * spent[-1]
    assert spent == sorted(spent, reverse=True)


def test_last_layer_emits_whole_beats(unfolded):
    for target in TARGETS:
        last = operators(fold(unfolded(), target))[-1]
        assert last.get_nodeattr("MH") % last.get_nodeattr("PE") == 0


def test_streams_fit_together_once_connected(unfolded):
    from hwflow.dataflow.streams import connect

    layers = operators(connect(fold(unfolded(), 250), "xc7z020clg400-1"))
    for before, after in pairwise(layers):
        assert before.get_outstream_width_padded() == after.get_instream_width_padded()
        words = [
            int(np.prod(shape[:-1]))
            for shape in (before.get_folded_output_shape(), after.get_folded_input_shape())
        ]
        assert words[0] == words[1], (before.onnx_node.name, after.onnx_node.name)
    depths = [
        operator.get_nodeattr("depth")
        for operator in layers
        if operator.onnx_node.op_type == "StreamingFIFO_rtl"
    ]
    assert min(depths) > SLACK_WORDS


def test_divisors():
    assert divisors(12) == [1, 2, 3, 4, 6, 12]
    assert divisors(1) == [1]
