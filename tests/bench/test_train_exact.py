"""The exactness section: every recipe is a network, differences count, and what is done is kept."""

from __future__ import annotations

import pytest
from tiny import recipe as tiny_recipe
from tiny import stage_data

from hwflow.bench import train_exact, train_recipes
from hwflow.bench.train_exact import RESULT, Compared, NetworkExactness, exact, figures
from hwflow.config.dataset import DigitsDataset
from hwflow.data import load
from hwflow.nets import build
from hwflow.nets.families import _FAMILIES


def test_every_family_at_every_width_is_a_network():
    names = list(train_recipes.exact_names())
    assert set(names) == {(family, bits) for family in _FAMILIES for bits in (1, 4, 8)}
    for family, bits in names:
        recipe = train_recipes.exact(family, bits)
        (stage,), side = recipe.stages, 28 + 2 * recipe.dataset.pad
        assert stage.net.name == family
        network = build(stage, (side, side, 1), 10)
        assert {unit.cost.weight_bit_width for unit in network.units()} == {bits}
        assert {unit.output.bits for unit in network.units()} <= {bits, bits + 1}  # + sign


def result(*, wrong=0, unbuilt=""):
    links = [
        Compared(
            link="Brevitas ↔ QONNX, scores",
            compared=100,
            mismatches=wrong,
            first="layer conv1" if wrong else "",
        )
    ]
    if not unbuilt:
        links.append(
            Compared(link="integer network ↔ FINN graph, layers", compared=7, mismatches=0)
        )
    return NetworkExactness(
        frames=10,
        graph_frames=0 if unbuilt else 5,
        accuracy=0.5,
        ties=0,
        links=tuple(links),
        unbuilt=unbuilt,
        seconds={},
    )


def test_what_differs_and_what_is_not_built_is_named():
    found = {
        "a_w1a1": result(),
        "b_w4a4": result(wrong=3),
        "c_w8a8": result(unbuilt="node 'x': no"),
    }
    told = {one.name: one for one in figures(found)}
    scores = told["Brevitas ↔ QONNX, scores, integers that differ"]
    assert (scores.value, scores.holds) == (3, False)
    assert scores.note == "of 300 of 3 networks, 10 test frames; b_w4a4: layer conv1"
    layers = told["integer network ↔ FINN graph, layers, integers that differ"]
    assert (layers.value, layers.holds) == (0, True)
    assert layers.note == "of 14 of 2 networks, 5 test frames"
    missing = told["networks without a hardware graph"]
    assert (missing.value, missing.holds, missing.note) == (1, False, "c_w8a8: node 'x': no")


@pytest.mark.train
@pytest.mark.finn
def test_a_network_is_compared_once(tmp_path, monkeypatch):
    """On digits, whose test set of 360 frames takes seconds."""
    stage = stage_data(weight_bit_width=4, act_bit_width=4)
    dataset = DigitsDataset(name="digits", upscale=1)
    monkeypatch.setattr(train_recipes, "exact_names", lambda: iter([("vgg_tiny", 4)]))
    monkeypatch.setattr(train_recipes, "exact", lambda family, bits: tiny_recipe(stage))
    monkeypatch.setattr(train_exact, "GRAPH_FRAMES", 12)
    found = exact(tmp_path, data=None, threads=1)
    assert all(one.holds for one in found.figures if one.goal is not None)
    (details,) = found.details.values()
    test = load(dataset).test
    integers = 36 * 8 + 16 * 16 + 16
    compared = {each["link"]: each["compared"] for each in details["links"]}
    assert compared["Brevitas ↔ QONNX, activations"] == len(test) * integers
    assert compared["QONNX ↔ integer network, activations"] == len(test) * integers
    assert compared["QONNX ↔ integer network, scores"] == len(test) * 10
    assert compared["integer network ↔ FINN graph, layers"] > 12 * integers
    assert compared["integer network ↔ FINN graph, scores"] == 12 * 10
    assert details["accuracy"] > 0.2
    file = tmp_path / "vgg_tiny_w4a4" / RESULT
    written = file.stat().st_mtime_ns
    assert exact(tmp_path, data=None, threads=1) == found
    assert file.stat().st_mtime_ns == written
