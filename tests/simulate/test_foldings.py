"""Foldings that only a solver or a hand comes up with: every beat of every node equal in RTL."""

from __future__ import annotations

import json

import numpy as np
import pytest
from dataflow.integer_nets import NETWORKS, random_frames, write_stage

from hwflow.config.folding import Folding
from hwflow.dataflow.folding.file import to_file
from hwflow.dataflow.folding.space import fits
from hwflow.simulate.nodes import verify_nodes

pytestmark = [pytest.mark.finn, pytest.mark.sim]


def drawn(seed: int):
    """Draw any legal option for each layer, but none so wide that compiling it takes minutes."""
    random = np.random.default_rng(seed)

    def fold(space) -> Folding:
        before = {stream.target: stream.source for stream in space.streams}
        choice: list[int] = []
        for index, layer in enumerate(space.layers):
            source = before.get(index)
            legal = [
                i
                for i, option in enumerate(layer.options)
                if (option.fold.pe or 1) * (option.fold.simd or 1) <= 64
                and (
                    source is None
                    or fits(
                        space.layers[source],
                        space.layers[source].options[choice[source]],
                        layer,
                        option,
                    )
                )
            ]
            choice.append(int(random.choice(legal)))
        return to_file(space, choice)

    return fold


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("separable", 0),
        *(
            pytest.param(name, seed, marks=pytest.mark.slow)
            for name in NETWORKS
            for seed in (1, 2, 3)
        ),
    ],
)
def test_any_folding_is_exact(tmp_path, name, seed):
    network = NETWORKS[name]()
    folder = write_stage(network, tmp_path / "a", fold=drawn(seed))
    links = verify_nodes(folder, random_frames(network, 4), seed=seed)
    assert all(link.compared > 0 and link.mismatches == 0 for link in links)


def test_part_of_a_whole_window_at_a_time(tmp_path):
    """A depthwise unit that takes three of nine positions a clock, its generator all nine."""

    def fold(space) -> Folding:
        narrow = [
            max(range(len(layer.options)), key=lambda i, layer=layer: layer.options[i].cycles)
            for layer in space.layers
        ]
        data = json.loads(to_file(space, narrow).model_dump_json())
        layers = data["stages"][0]["layers"]
        units = [name for name in layers if name.startswith("depthwise") and "." not in name]
        assert len(units) == 2
        for name, simd in zip(units, (3, 9), strict=True):
            layers[f"{name}.window"].update(simd=2, parallel_window=1)
            layers[name].update(pe=2, simd=simd, unit="dsp", ram_style="block")
        return Folding.model_validate_json(json.dumps(data))

    network = NETWORKS["separable"]()
    links = verify_nodes(
        write_stage(network, tmp_path / "a", fold=fold), random_frames(network, 4), seed=1
    )
    assert all(link.compared > 0 and link.mismatches == 0 for link in links)
