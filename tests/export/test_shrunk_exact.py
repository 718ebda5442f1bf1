"""Networks with filters removed, to counts that are no multiple of 8: exact in every integer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from families import CLASSES, random_frames
from test_families_exact import prove
from tiny import stage

from hwflow.nets import Form, build
from hwflow.nets.shrink import shrink

pytestmark = pytest.mark.train

WIDE = 24
KEPT = (13, 7, 11)


def shrunk(name, bits, shape, *, zeros=False):
    """A network with ``KEPT`` of its filters, trained for some steps under masks."""
    net = {"name": name, "features": [WIDE, "pool", WIDE], "hidden": [WIDE]}
    recipe = stage(net=net, weight_bit_width=bits, act_bit_width=bits)
    torch.manual_seed(7)
    network = build(recipe, shape, CLASSES, form=Form.FAST)
    draw = torch.Generator().manual_seed(1)
    kept = {number: torch.randperm(WIDE, generator=draw) < left for number, left in enumerate(KEPT)}
    network.mask_filters(kept)
    if zeros:
        weight = network.layers.conv1.layer.weight
        network.mask_weights({1: torch.rand(weight.shape, generator=draw) < 0.4})
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for step in range(4):
        frames = random_frames(shape, 16, step).transpose(0, 3, 1, 2).copy()
        labels = torch.arange(16) % CLASSES
        scores = network(torch.from_numpy(frames).float())
        loss = torch.nn.functional.cross_entropy(scores * 0.3, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for unit in network.units():
        unit.norm.momentum = 1.0
    with torch.no_grad():
        network(torch.from_numpy(frames).float())
    return network, shrink(network, {}).eval()


@pytest.mark.parametrize(
    ("name", "bits", "shape", "zeros"),
    [
        ("vgg_tiny", 1, (8, 8, 1), False),
        ("vgg_small", 8, (8, 8, 3), False),
        ("vgg_small", 4, (8, 8, 3), True),
    ],
)
def test_every_integer_of_a_shrunk_network(name, bits, shape, zeros, tmp_path):
    masked, network = shrunk(name, bits, shape, zeros=zeros)
    assert network.channels == KEPT
    codes = torch.from_numpy(random_frames(shape, 6).transpose(0, 3, 1, 2).copy()).float()
    with torch.no_grad():
        assert torch.equal(network(codes), masked.eval()(codes))
    proved, executed = prove(network, shape, tmp_path)
    assert proved.channels == KEPT
    assert [codes.shape[1] for codes in executed.activations] == [*KEPT]
    assert len(np.unique(executed.scores, axis=0)) > 1
    if zeros:
        weight = proved.layers.conv1.layer.weight
        assert (weight == 0).float().mean() > 0.5
