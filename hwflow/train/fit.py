"""The training loop of one network, resumable after any step."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from hwflow.data.augment import augment
from hwflow.errors import ConfigError
from hwflow.train import snapshot
from hwflow.train.evaluate import accuracy
from hwflow.train.frames import Batches
from hwflow.train.norms import norms_of, settle_norms, settling_batches, synchronise
from hwflow.train.rates import rate
from hwflow.train.state import SCALES, FitState, Settings, Trained

# From this side on, convolutions lie with channels last in memory: they are up to a fifth faster
# so, at 32×32. The sums of a step are added up in another order then: smaller frames, the demo's,
# keep the order, and so the weights, that they always had.
_CHANNELS_LAST_FROM = 24
# Enough for the mean and variance of a channel, and a fraction of an epoch of any large set.
_SETTLING_FRAMES = 16_384
# To guess among a thousand classes costs 7.
_HUGE_LOSS = 100.0
log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Is told of each step and epoch, and sees the state as a checkpoint may hold it."""

    def after_step(self, state: Trained) -> None:
        """``state.batch`` steps of the epoch are done."""

    def after_epoch(self, state: Trained) -> None:
        """``state.epoch`` epochs are done."""


@dataclass(frozen=True)
class TrainingData:
    """What training sees: the test split is no part of it."""

    train: Batches
    validation: Batches


def derive_seed(*parts: object) -> int:
    """Return a 63-bit seed that depends on every part; streams of different parts are unrelated."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Run torch on ``threads`` threads: sums are split by thread, so the count is part of a run."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit(
    state: FitState,
    data: TrainingData,
    settings: Settings,
    *,
    fabric: Fabric,
    seed: int,
    watcher: Watcher,
) -> None:
    """Train ``state`` in place from its step to the last one, then choose and settle the weights.

    Gradients are the mean over the processes of ``fabric``, each of which has its part of a batch;
    batch-norms see the whole of it.

    Raises:
        ConfigError: the loss is no longer a number.
    """
    if fabric.world_size > 1:
        synchronise(state.network)
    steps = Steps(state, data.train, settings, fabric)
    while state.epoch < settings.epochs and not state.stopped(settings.patience):
        steps.run_epoch(derive_seed(seed, state.epoch), watcher)
        _close_epoch(state, data.validation, settings, fabric)
        watcher.after_epoch(state)
    if state.best is not None:
        snapshot.put(state.network, state.best.network)
    elif state.average is not None:
        state.average.apply()
    if not state.has_own_statistics(settings):
        steps.settle()
    state.network.eval()


class Steps:
    """Runs the steps of an epoch."""

    def __init__(self, state: FitState, data: Batches, settings: Settings, fabric: Fabric) -> None:
        self._state, self._data, self._settings, self._fabric = state, data, settings, fabric
        self._batches = settings.batches(len(data))
        self._layout = layout_of(data)
        lay_out(state.network, self._layout)
        wrapped: Any = fabric.setup(state.network, state.optimiser)
        self._model, self._optimiser = wrapped
        state.summed = state.summed.to(fabric.device)

    def run_epoch(self, seed: int, watcher: Watcher) -> None:
        """Do the steps of the epoch that are left."""
        state, settings = self._state, self._settings
        order = state.begin_epoch(seed, len(self._data), self._fabric.device)
        if state.epoch == settings.frozen_from and state.batch == 0:
            self.settle()
        state.network.train()
        if state.epoch >= settings.frozen_from:
            for norm in norms_of(state.network):
                norm.eval()
        size = settings.training.batch_size
        while state.batch < self._batches:
            self._set_rate()
            begin = state.batch * size
            state.summed += self._step(even(order[begin : begin + size], self._fabric.world_size))
            if state.average is not None:
                state.average.update()
            state.batch += 1
            watcher.after_step(state)

    def settle(self) -> None:
        """Give the batch-norms the statistics of training frames under the present weights."""
        settle(self._state.network, self._data)

    def _step(self, chosen: Tensor) -> Tensor:
        """Return the loss of one step, a float32 scalar."""
        training = self._settings.training
        assert self._state.draw is not None
        # Every process draws for the whole batch, so that a frame's changes do not depend on how
        # many there are.
        codes = augment(
            self._data.take(chosen),
            self._state.draw,
            max_shift=training.max_shift,
            flip=training.flip,
            cutout=training.cutout,
        )
        mine = slice(self._fabric.global_rank, None, self._fabric.world_size)
        # A copy: with one channel both layouts count as contiguous, and the strides decide.
        codes = codes[mine].clone(memory_format=self._layout)
        logits = self._model(codes) * self._settings.logit_scale
        loss = nn.functional.cross_entropy(
            logits, self._data.labels[chosen[mine]], label_smoothing=training.label_smoothing
        )
        self._optimiser.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        self._optimiser.step()
        return loss.detach()

    def _set_rate(self) -> None:
        state, settings = self._state, self._settings
        now = rate(
            settings.training.schedule,
            lr=settings.lr,
            step=state.epoch * self._batches + state.batch,
            steps=settings.epochs * self._batches,
            span=settings.training.epochs,
        )
        frozen = state.epoch >= settings.frozen_from
        for group in state.optimiser.param_groups:
            # At a rate of 0 neither gradient nor weight decay changes anything.
            group["lr"] = 0.0 if frozen and group[SCALES] else now


def settle(network: nn.Module, data: Batches) -> None:
    """Give the batch-norms of ``network`` the statistics of training frames under its weights.

    Of many frames every n-th is taken, as folders of pictures are in order of class.
    """
    every = -(-len(data) // _SETTLING_FRAMES)
    chosen = torch.arange(0, len(data), every, device=data.labels.device)
    batches = (data.take(part).float() for part in settling_batches(chosen))
    settle_norms(network, batches)


def layout_of(data: Batches) -> torch.memory_format:
    """Return how batches of ``data`` lie in memory."""
    large = data.side >= _CHANNELS_LAST_FROM
    return torch.channels_last if large else torch.contiguous_format


def even(chosen: Tensor, processes: int) -> Tensor:
    """Return ``chosen`` (N,) without the last ones that ``processes`` cannot share evenly.

    Gradients are averaged over processes, and statistics counted, as of equal shares. Only a
    batch of more frames than there are is uneven: others are a multiple, see ``train``.
    """
    return chosen[: len(chosen) // processes * processes]


def _close_epoch(state: FitState, validation: Batches, settings: Settings, fabric: Fabric) -> None:
    mean = fabric.all_reduce(state.summed / max(1, state.batch), reduce_op="mean")
    assert isinstance(mean, Tensor)
    check_loss(float(mean), state, settings, fabric)
    with state.average.applied() if state.average is not None else nullcontext():
        reached = accuracy(state.network, validation, fabric)
        kept = None
        if settings.patience is not None and state.may_be_best(reached):
            kept = snapshot.take(state.network)
    state.end_epoch(float(mean), reached, kept)


def check_loss(loss: float, state: FitState, settings: Settings, fabric: Fabric) -> None:
    """Tell of a mean loss of an epoch that is far too high.

    Raises:
        ConfigError: it is no number.
    """
    what = f"{settings.where}, epoch {state.epoch + 1}: the mean loss is {loss:.4g}"
    if not math.isfinite(loss):
        raise ConfigError(
            f"{what}: training has diverged; lower the phase's lr (now {settings.lr:g}) or give "
            "schedule.warmup_epochs"
        )
    if loss > _HUGE_LOSS and fabric.is_global_zero:
        log.warning("%s, far above guessing; lower the phase's lr (now %g)", what, settings.lr)


def lay_out(network: nn.Module, layout: torch.memory_format) -> None:
    """Let the weights of convolutions lie in memory as their inputs do; their values stay."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=layout)
