from __future__ import annotations

import pytest
import torch
from fitting import Watch, data, training
from tiny import stage

from hwflow.config.train_options import ON_CPU
from hwflow.errors import ConfigError
from hwflow.nets import Form, build
from hwflow.nets.activations import Activation
from hwflow.train.fit import fit
from hwflow.train.launch import here
from hwflow.train.phases import carry, phases
from hwflow.train.state import FitState, Settings

pytestmark = pytest.mark.train

SHAPE, CLASSES = (8, 8, 1), 2


def lowered(**changes):
    return stage(
        net={"name": "vgg_tiny", "features": [8, "pool"], "hidden": [16]},
        weight_bit_width=1,
        act_bit_width=2,
        training={
            "epochs": 2,
            "lr": 0.01,
            "start": {"kind": "float", "epochs": 1, "lr": 0.003},
            "lowering": [
                {"weight_bit_width": 8, "act_bit_width": 8, "epochs": 3, "lr": 0.002},
                {"weight_bit_width": [4, 1, 4], "act_bit_width": 4, "epochs": 1, "lr": 0.001},
            ],
        },
        **changes,
    )


def test_phases_in_order():
    got = [(p.name, p.form, p.epochs, p.lr, p.last) for p in phases(lowered())]
    assert got == [
        ("float", Form.FLOAT, 1, 0.003, False),
        ("w8a8", Form.FAST, 3, 0.002, False),
        ("w4a4", Form.FAST, 1, 0.001, False),
        ("w1a2", Form.FAST, 2, 0.01, True),
    ]
    bits = [p.stage.weight_bits for p in phases(lowered())]
    assert bits == [(1, 1, 1), (8, 8, 8), (4, 1, 4), (1, 1, 1)]


def test_brevitas_form_trains_brevitas_layers():
    told = stage(training={"epochs": 1, "lr": 0.01, "form": "brevitas"})
    assert phases(told)[-1].build(SHAPE, CLASSES, seed=1).form is Form.BREVITAS


def test_logits_of_sign_weights_alone_are_scaled():
    float_, high, mixed, last = phases(lowered())
    for phase, scaled in ((float_, False), (high, False), (mixed, False), (last, True)):
        network = phase.build(SHAPE, CLASSES, seed=1)
        wanted = 2 / 16**0.5 if scaled else 1.0
        assert phase.settings(network).logit_scale == wanted


def test_lowering_carries_weights_and_scales_what_becomes_binary_once():
    _, high, mixed, last = phases(lowered())
    networks = [phase.build(SHAPE, CLASSES, seed=n) for n, phase in enumerate((high, mixed, last))]
    carry(networks[0].state_dict(), high, networks[1])
    carry(networks[1].state_dict(), mixed, networks[2])
    weights = [[u.layer.weight.detach() for u in net.weight_layers()] for net in networks]
    for layer in (0, 2):
        assert torch.equal(weights[0][layer], weights[1][layer])  # 8 to 4 bits
        assert not torch.equal(weights[1][layer], weights[2][layer])  # 4 to 1
        assert torch.equal(weights[1][layer].sign(), weights[2][layer].sign())
    assert not torch.equal(weights[0][1], weights[1][1])  # 8 to 1
    assert torch.equal(weights[1][1], weights[2][1])  # binary already


def test_learned_activations_keep_their_range():
    told = lowered(act_quantiser="learned_step")
    _, high, mixed, _ = phases(told)
    first, second = (phase.build(SHAPE, CLASSES, seed=1) for phase in (high, mixed))
    with torch.no_grad():
        for act in first.activations():
            act.scale.log_step += 0.3
    carry(first.state_dict(), high, second)
    ranges = [[act.value * 2**act.bits for act in net.activations()] for net in (first, second)]
    assert ranges[0] == pytest.approx(ranges[1])
    assert all(isinstance(act, Activation) and act.bits == 4 for act in second.activations())


def test_frozen_epochs_keep_learned_scales():
    told = training(epochs=2, frozen_epochs=1, weight_decay=0.1)
    recipe = stage(
        net={"name": "vgg_tiny", "features": [8, "pool"]},
        weight_bit_width=4,
        act_bit_width=4,
        weight_quantiser="learned_step",
        act_quantiser="pact",
        scale="float",
    )
    torch.manual_seed(1)
    network = build(recipe, SHAPE, CLASSES, form=Form.FAST)
    scales, weights = [], []

    class Record(Watch):
        def after_step(self, state):
            named = dict(state.network.named_parameters())
            scales.append([v.clone() for k, v in named.items() if k.endswith("log_step")])
            weights.append(named["layers.conv0.layer.weight"].detach().clone())

    settings = Settings(training=told, epochs=2, lr=0.01)
    state = FitState(network, settings)
    fit(state, data(), settings, fabric=here(ON_CPU, told.precision), seed=1, watcher=Record())
    assert len(scales[0]) == 3
    half = len(scales) // 2
    assert not all(torch.equal(a, b) for a, b in zip(scales[0], scales[half - 1], strict=True))
    for later in scales[half:]:
        assert all(torch.equal(a, b) for a, b in zip(scales[half - 1], later, strict=True))
    assert not torch.equal(weights[half], weights[-1])


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ({"weight_bit_width": [8, 8], "act_bit_width": 8}, r"lowering\[0\]\.weight_bit_width"),
        ({"weight_bit_width": 8, "act_bit_width": [8, 8, 8]}, r"lowering\[0\]\.act_bit_width"),
        ({"weight_bit_width": 9, "act_bit_width": 8}, "lowering"),
    ],
)
def test_wrong_lowering_names_its_field(step, field):
    with pytest.raises(ConfigError, match=field):
        stage(
            training={"epochs": 1, "lr": 0.01, "lowering": [{**step, "epochs": 1, "lr": 0.01}]},
            net={"name": "vgg_tiny", "features": [8, "pool"], "hidden": [16]},
        )
