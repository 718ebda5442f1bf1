from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from fitting import CPU, FRAMES, StopError, Watch, data, equal, network, run, subset, training
from torch import nn

from hwflow.config.train_options import TrainOptions
from hwflow.config.training import Training
from hwflow.data.augment import augment
from hwflow.errors import ConfigError
from hwflow.nets.layers import QuantConv2d, QuantLinear, QuantReLU
from hwflow.train import launch
from hwflow.train.evaluate import accuracy, real_scores
from hwflow.train.fit import derive_seed
from hwflow.train.frames import Batches
from hwflow.train.launch import here
from hwflow.train.norms import norms_of
from hwflow.train.rates import rate
from hwflow.train.state import Settings

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def bf16_on_every_processor(monkeypatch):
    """However slow it is there."""
    monkeypatch.setattr(launch, "multiplies_bf16", lambda: True)


EVERYTHING = {
    "optimiser": {"kind": "sgd", "momentum": 0.9, "nesterov": True},
    "schedule": {"kind": "step", "milestones": [2], "warmup_epochs": 0.5},
    "max_shift": 1,
    "flip": True,
    "cutout": 2,
    "label_smoothing": 0.1,
    "ema_decay": 0.9,
    "patience": 2,
    "frozen_epochs": 1,
}


def settings(**changes: object) -> Settings:
    told: Training = training(**changes)
    return Settings(training=told, epochs=told.epochs, lr=told.lr)


def through_a_file(checkpoint):
    """Return ``checkpoint`` as it comes back from the disk, where only plain values can be."""
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def stopped(told: Settings, steps: int, make=network):
    watch = Watch(stop=steps)
    with pytest.raises(StopError):
        run(told, net=make(), watch=watch)
    return through_a_file(watch.last)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        EVERYTHING,
        {"precision": "bf16"},
        {"optimiser": {"kind": "sgd"}, "ema_decay": 0.99},
        {"patience": 1, "epochs": 4},
    ],
    ids=["defaults", "everything", "bf16", "sgd and average", "patience"],
)
def test_resume_at_any_step_equals_uninterrupted(changes):
    told = settings(**changes)
    watch = Watch()
    whole = run(told, watch=watch)
    assert watch.steps >= 6
    for steps in range(1, watch.steps + 1):
        resumed = run(told, net=network(seed=9), saved=stopped(told, steps))
        assert equal(resumed.network, whole.network), f"killed after step {steps}"
        assert resumed.losses == whole.losses
        assert resumed.accuracies == whole.accuracies


def test_it_learns():
    told = settings(epochs=6)
    state = run(told)
    assert state.accuracies[-1] > 0.9  # chance is 0.5
    assert state.losses[-1] < state.losses[0]


def collecting(seed: int = 0) -> nn.Module:
    """Brevitas' default activation: percentiles over 8 steps, then a learned scale."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            QuantConv2d(1, 4, 3, bias=False, weight_bit_width=4),
            nn.BatchNorm2d(4),
            QuantReLU(bit_width=4, collect_stats_steps=8),
            nn.Flatten(),
            QuantLinear(144, 2, bias=False, weight_bit_width=4),
        )


def test_resume_inside_brevitas_collecting_steps():
    told = settings()
    watch = Watch()
    whole = run(told, net=collecting(), watch=watch)
    scaling = [m for m in whole.network.modules() if hasattr(m, "collect_stats_steps")]
    assert [m.counter for m in scaling] == [9], "the collection ended within the run"
    assert watch.steps == 18
    # Before the first collected value, within, at the end, and after.
    for steps in (1, 4, 7, 8, 9, 13):
        resumed = run(told, net=collecting(seed=9), saved=stopped(told, steps, collecting))
        assert equal(resumed.network, whole.network), f"killed after step {steps}"


def test_brevitas_own_checkpoint_would_not_do():
    """What ``snapshot`` is there for; when this fails, Brevitas keeps its collection itself."""
    told = settings()
    watch = Watch(stop=4)
    first = collecting()
    with pytest.raises(StopError):
        run(told, net=first, watch=watch)
    second = collecting(seed=9)
    second.load_state_dict(first.state_dict())
    counters = [
        next(m.counter for m in net.modules() if hasattr(m, "collect_stats_steps"))
        for net in (first, second)
    ]
    assert counters == [4, 9]


def test_average_is_what_was_averaged():
    """One step after the first, by hand: decay min(d, (1 + n) / (10 + n))."""
    seen = []

    class Record(Watch):
        def after_step(self, state):
            seen.append([p.detach().clone() for p in state.network.parameters()])

    first = [p.detach().clone() for p in network().parameters()]
    told = settings(epochs=1, ema_decay=0.5)
    state = run(told, watch=Record())
    mean = first
    for number, weights in enumerate(seen, start=1):
        decay = min(0.5, (1 + number) / (10 + number))
        mean = [decay * a + (1 - decay) * b for a, b in zip(mean, weights, strict=True)]
    for got, wanted in zip(state.network.parameters(), mean, strict=True):
        # lerp and two products round differently.
        assert torch.allclose(got, wanted, rtol=1e-5, atol=1e-7)
    for got, last in zip(state.network.parameters(), seen[-1], strict=True):
        assert not torch.allclose(got, last, rtol=1e-3)


def test_the_average_is_what_is_validated_and_kept_as_the_best():
    found: list[tuple[float, float]] = []
    averaged = {}

    class Record(Watch):
        def after_epoch(self, state):
            assert state.average is not None
            validation, fabric = data().validation, here(TrainOptions(), "float32")
            live = accuracy(state.network, validation, fabric)
            with state.average.applied():
                found.append((accuracy(state.network, validation, fabric), live))
                averaged[state.epoch] = [p.detach().clone() for p in state.network.parameters()]

    told = settings(epochs=4, lr=0.5, ema_decay=0.95, patience=4)
    state = run(told, watch=Record())
    assert state.accuracies == [average for average, _ in found]
    assert any(average != live for average, live in found), "or the two cannot be told apart"
    assert state.best is not None
    for got, wanted in zip(state.network.parameters(), averaged[state.best.epoch], strict=True):
        assert torch.equal(got, wanted)


def test_patience_stops_and_takes_the_best():
    watch = Watch()
    told = settings(epochs=30, lr=0.05, patience=2)
    state = run(told, watch=watch)
    best = max(state.accuracies)
    first = state.accuracies.index(best) + 1
    assert state.epoch == min(30, first + 2) < 30
    assert state.best is not None
    assert state.best.epoch == first
    kept = state.best.network["tensors"]
    for name, value in state.network.named_parameters():
        assert torch.equal(value, kept[name])


def test_frozen_epochs_keep_statistics():
    statistics = []

    class Record(Watch):
        def after_step(self, state):
            super().after_step(state)
            (norm,) = norms_of(state.network)
            statistics.append(norm.running_mean.clone())

    state = run(settings(frozen_epochs=1), watch=Record())
    frozen = statistics[12:]
    assert len(frozen) == 6
    assert all(torch.equal(frozen[0], one) for one in frozen)
    assert not torch.equal(statistics[11], frozen[0])
    (norm,) = norms_of(state.network)
    assert torch.equal(norm.running_mean, frozen[0])


SGD = {"optimiser": {"kind": "sgd", "momentum": 0.9}}


@pytest.mark.parametrize(
    ("plain", "changed"),
    [
        ({}, SGD),
        (SGD, {"optimiser": {"kind": "sgd", "momentum": 0.5}}),
        (SGD, {"optimiser": {"kind": "sgd", "momentum": 0.9, "nesterov": True}}),
        (SGD, {**SGD, "weight_decay": 0.1}),
        ({}, {"weight_decay": 0.5}),
        ({}, {"max_shift": 1}),
        ({}, {"flip": True}),
        ({}, {"cutout": 2}),
        ({}, {"label_smoothing": 0.1}),
        ({}, {"ema_decay": 0.9}),
        ({}, {"frozen_epochs": 1}),
        ({}, {"schedule": {"kind": "cosine", "warmup_epochs": 1}}),
        ({}, {"schedule": {"kind": "step", "milestones": [2]}}),
    ],
    ids=lambda told: ",".join(told),
)
def test_every_option_changes_the_weights(plain, changed):
    first, second = (run(settings(**told)).network for told in (plain, changed))
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert not all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize(
    "schedule",
    [
        {"kind": "cosine", "warmup_epochs": 0.5},
        {"kind": "step", "milestones": [1, 2], "factor": 0.5},
    ],
)
def test_each_step_has_the_rate_of_its_schedule(schedule):
    told, watch = settings(schedule=schedule), Watch()
    run(told, watch=watch)
    assert watch.rates == [
        rate(told.training.schedule, lr=told.lr, step=step, steps=18, span=3) for step in range(18)
    ]


def test_validation_sees_the_average():
    """What it takes for the best is then the average, as at the end of a run without patience."""
    best, last = (run(settings(epochs=1, ema_decay=0.9, **more)) for more in ({"patience": 1}, {}))
    pairs = zip(best.network.parameters(), last.network.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_many_frames_are_settled_by_an_even_choice(monkeypatch):
    """Every second of 96; the same as settling on these alone."""
    monkeypatch.setattr("hwflow.train.fit._SETTLING_FRAMES", 60)
    told = settings(epochs=1)
    state = run(told)
    (norm,) = norms_of(state.network)
    frames = data().train.take(torch.arange(0, FRAMES, 2)).float()
    with torch.no_grad():
        values = state.network[0](frames).double()
    wanted = values.mean(dim=(0, 2, 3))
    assert torch.allclose(norm.running_mean.double(), wanted, rtol=1e-4, atol=1e-3)
    monkeypatch.undo()
    (other,) = norms_of(run(told).network)
    assert not torch.allclose(norm.running_mean, other.running_mean, rtol=1e-4, atol=1e-3)


def test_bf16_trains_other_weights_than_float32_but_keeps_them_in_float32():
    plain, half = run(settings()), run(settings(precision="bf16"))
    assert not equal(plain.network, half.network)
    assert all(p.dtype == torch.float32 for p in half.network.parameters())


def test_label_smoothing_and_logit_scale_are_in_the_loss():
    net = network()
    smooth = settings(epochs=1, label_smoothing=0.2)
    first: list[float] = []

    class Record(Watch):
        def after_step(self, state):
            first.append(float(state.summed))
            raise StopError

    net.eval()
    for told, smoothing, scale in (
        (smooth, 0.2, 1.0),
        (Settings(training=training(epochs=1), epochs=1, lr=0.01, logit_scale=0.25), 0.0, 0.25),
    ):
        with pytest.raises(StopError):
            run(told, net=network(), watch=Record())
        draw = torch.Generator().manual_seed(_epoch_seed())
        chosen = torch.randperm(FRAMES, generator=draw)[:16]
        taken = data().train
        # Another layout in memory adds the same numbers up in another order.
        codes = taken.take(chosen).float().clone(memory_format=torch.contiguous_format)
        scores = network().train()(codes) * scale
        wanted = nn.functional.cross_entropy(
            scores, taken.labels[chosen], label_smoothing=smoothing
        )
        assert first.pop() == float(wanted)


@pytest.mark.parametrize("changes", [{"max_shift": 2}, {"flip": True}, {"cutout": 4}])
def test_a_step_sees_the_changes_that_the_recipe_asks_for(changes):
    first: list[float] = []

    class Record(Watch):
        def after_step(self, state):
            first.append(float(state.summed))
            raise StopError

    with pytest.raises(StopError):
        run(settings(**changes), watch=Record())
    draw = torch.Generator().manual_seed(_epoch_seed())
    chosen = torch.randperm(FRAMES, generator=draw)[:16]
    taken = data().train
    plain = taken.take(chosen)
    changed = augment(plain, draw, **changes)
    losses = [
        nn.functional.cross_entropy(
            network().train()(codes.clone(memory_format=torch.contiguous_format)),
            taken.labels[chosen],
        )
        for codes in (changed, plain.float())
    ]
    assert first == [float(losses[0])]
    assert first != [float(losses[1])]


def _epoch_seed() -> int:
    return derive_seed(5, 0)


def test_accuracy_is_counted_over_every_frame():
    held = subset("validation", 300, 4)  # more than an evaluation's batch
    net = run(settings()).network
    scores = real_scores(net, held.frames)
    wanted = float(np.mean(scores.argmax(axis=1) == held.labels))
    assert accuracy(net, Batches(held, CPU), here(TrainOptions(), "float32")) == wanted


def test_mapped_frames_train_to_the_same(tmp_path):
    whole = subset("train", 50, 1)
    mapped = np.memmap(tmp_path / "frames", dtype=np.uint8, mode="w+", shape=whole.frames.shape)
    mapped[:] = whole.frames
    other = type(whole)("train", mapped, whole.labels, whole.indices)
    memory, disk = Batches(whole, CPU), Batches(other, CPU)
    chosen = torch.tensor([3, 41, 0, 7])
    assert disk._mapped is not None
    assert torch.equal(memory.take(chosen), disk.take(chosen))
    assert torch.equal(memory.codes(10, 30), disk.codes(10, 30))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"frozen_epochs": 3}, "frozen_epochs"),
        ({"schedule": {"kind": "cosine", "warmup_epochs": 3}}, "warmup_epochs"),
        ({"schedule": {"kind": "step", "milestones": [3]}}, "milestones"),
        ({"schedule": {"kind": "step", "milestones": [2, 1]}}, "milestones must rise"),
        ({"schedule": {"kind": "linear"}}, "schedule"),
        ({"optimiser": {"kind": "sgd", "momentum": 0.0, "nesterov": True}}, "nesterov"),
        ({"optimiser": {"kind": "adamw", "momentum": 0.9}}, "momentum"),
        ({"ema_decay": 1.0}, "ema_decay"),
        ({"label_smoothing": -0.1}, "label_smoothing"),
        ({"precision": "fp8"}, "precision"),
        ({"patience": 0}, "patience"),
        ({"form": "float"}, "form"),
    ],
)
def test_wrong_field_is_named(changes, field):
    with pytest.raises(ConfigError, match=field):
        training(**changes)


def test_old_recipes_keep_their_dump():
    assert training(lr=0.5).model_dump(mode="json") == {
        "epochs": 3,
        "batch_size": 16,
        "lr": 0.5,
        "weight_decay": 0.0,
        "max_shift": 0,
        "start": {"kind": "random"},
    }
    told = training(**EVERYTHING)
    assert Training.model_validate_json(told.model_dump_json()) == told
