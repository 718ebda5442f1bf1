"""Statistics of batch-norms: settled over all frames alike, and shared by processes."""

from __future__ import annotations

import warnings

import pytest
import torch
from fitting import CPU, Watch, data, run, subset, training
from torch import distributed, nn

from hwflow.config.train_options import TrainOptions
from hwflow.train.evaluate import EVAL_BATCH
from hwflow.train.fit import TrainingData, even, fit
from hwflow.train.frames import Batches
from hwflow.train.launch import here
from hwflow.train.norms import norms_of, settle_norms, settling_batches, synchronise
from hwflow.train.state import FitState, Settings

pytestmark = pytest.mark.train


@pytest.mark.parametrize(
    ("frames", "sizes"),
    [
        (512, [256, 256]),
        (1137, [256, 256, 256, 256, 113]),  # digits, whose weights are what they are
        (257, [129, 128]),
        (1026, [206, 205, 205, 205, 205]),
        (40, [40]),
        (300, [150, 150]),
    ],
)
def test_no_frame_counts_much_more_than_another(frames, sizes):
    parts = settling_batches(torch.arange(frames))
    assert [len(part) for part in parts] == sizes
    assert torch.equal(torch.cat(list(parts)), torch.arange(frames))


def test_every_number_of_frames_can_be_settled():
    for frames in range(2, 3 * EVAL_BATCH):
        sizes = [len(part) for part in settling_batches(torch.arange(frames))]
        assert sum(sizes) == frames
        assert min(sizes) >= 2
        assert max(sizes) <= min(EVAL_BATCH, 2.5 * min(sizes))


def flat(seed: int = 0) -> nn.Module:
    """A network whose norm sees one value of each channel and frame."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(64, 6, bias=False), nn.BatchNorm1d(6), nn.Linear(6, 2)
        )


def statistics(net: nn.Module, frames: torch.Tensor):
    """Mean and variance in front of the only norm, in float64."""
    layers = list(net)
    before = nn.Sequential(*layers[: layers.index(norms_of(net)[0])])
    with torch.no_grad():
        values = before(frames.float()).double().transpose(0, 1).flatten(1)
    return values.mean(dim=1), values.var(dim=1)


def close(norm: nn.Module, mean: torch.Tensor, variance: torch.Tensor, *, share: float) -> bool:
    """Whether the norm's mean is within ``share`` of a deviation, its variance within ``share``."""
    off = (norm.running_mean.double() - mean).abs() / variance.sqrt()
    ratio = (norm.running_var.double() / variance - 1).abs()
    return bool(off.max() < share and ratio.max() < share)


def test_one_frame_over_a_batch_trains_to_the_end():
    """257 frames: settled in batches of 256, the last would be one frame."""
    train = Batches(subset("train", EVAL_BATCH + 1, 1), CPU)
    told = training(epochs=1)
    settings = Settings(training=told, epochs=1, lr=told.lr)
    state = FitState(flat(), settings)
    fit(
        state,
        TrainingData(train, data().validation),
        settings,
        fabric=here(TrainOptions(), told.precision),
        seed=1,
        watcher=Watch(),
    )
    (norm,) = norms_of(state.network)
    mean, variance = statistics(state.network, train.take(torch.arange(EVAL_BATCH + 1)))
    # The variance between the two batches' means is left out.
    assert close(norm, mean, variance, share=0.03)


def test_a_short_last_batch_does_not_outweigh_the_others():
    """Two frames of another kind behind 1,024 dark ones once counted a fifth."""
    frames = torch.zeros(1026, 1, 8, 8)
    frames[:, :, :4] = torch.rand(1026, 1, 4, 8, generator=torch.Generator().manual_seed(1))
    frames[-2:] += 9.0
    net = flat()
    settle_norms(net, [frames[part] for part in settling_batches(torch.arange(1026))])
    (norm,) = norms_of(net)
    mean, variance = statistics(net, frames)
    off = (norm.running_mean.double() - mean).abs() / variance.sqrt()
    assert off.max() < 0.01


@pytest.mark.parametrize(
    "changes",
    [
        {"ema_decay": 0.99},
        {"ema_decay": 0.99, "frozen_epochs": 1},
        {"ema_decay": 0.99, "frozen_epochs": 2},
        {"patience": 2, "frozen_epochs": 1, "epochs": 30},
        {"patience": 3, "frozen_epochs": 1},
    ],
    ids=["average", "average and frozen", "mostly frozen", "stopped before", "best before"],
)
def test_chosen_weights_have_statistics_of_their_own(changes):
    told = training(lr=0.05, **{"epochs": 3, **changes})
    settings = Settings(training=told, epochs=told.epochs, lr=told.lr)
    state = run(settings)
    if told.patience is not None:
        assert state.best is not None
        assert state.best.epoch <= settings.frozen_from, "or the case is another one"
    (norm,) = norms_of(state.network)
    # One batch of 96 frames; float32 sums.
    assert close(norm, *statistics(state.network, data().train.take(torch.arange(96))), share=1e-3)


def test_a_best_epoch_among_the_frozen_keeps_what_it_was_trained_with():
    told = training(epochs=3, patience=3, frozen_epochs=2)
    settings = Settings(training=told, epochs=3, lr=told.lr)
    state = FitState(flat(), settings)
    state.epoch = 3
    state.end_epoch(0.1, 0.9, {})
    assert state.has_own_statistics(settings)
    assert not FitState(flat(), settings).has_own_statistics(settings)


@pytest.mark.parametrize(("frames", "kept"), [(1137, 1136), (1136, 1136), (3, 2)])
def test_processes_get_even_shares(frames, kept):
    chosen = even(torch.arange(frames), 2)
    assert torch.equal(chosen, torch.arange(kept))
    assert len(chosen[0::2]) == len(chosen[1::2])
    assert len(even(torch.arange(frames), 1)) == frames


@pytest.fixture
def alone(tmp_path):
    """A group of this process only."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1
    )
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 2e-2)], ids=["f32", "bf16"]
)
def test_a_shared_norm_is_torchs_own(dtype, tolerance):
    """Tolerances: float32 sums in another order; bfloat16 has 8 bits."""
    draw = torch.Generator().manual_seed(1)
    values = (torch.randn(64, 8, 4, 4, generator=draw) * 3 + 40).to(dtype)
    gradient = torch.randn(64, 8, 4, 4, generator=draw).to(dtype)
    found = []
    for shared in (False, True):
        norm = nn.BatchNorm2d(8)
        with torch.no_grad():
            norm.weight.copy_(torch.linspace(0.5, 2, 8))
        net = nn.Sequential(norm)
        if shared:
            synchronise(net)
        given = values.clone().requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = net(given)
            result.backward(gradient)
        assert result.dtype == dtype
        assert norm.running_mean.dtype == torch.float32
        found.append([result, given.grad, norm.weight.grad, norm.running_mean, norm.running_var])
    for mine, torchs in zip(found[1], found[0], strict=True):
        spread = float(torchs.float().std())
        assert float((mine.float() - torchs.float()).abs().max()) < tolerance * spread
