"""The training loop of one network, resumable after any epoch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hwflow.data.augment import shift

EVAL_BATCH = 256


@dataclass(frozen=True)
class Schedule:
    """AdamW for ``epochs`` epochs, learning rate falling from ``lr`` to 0 along a cosine.

    ``logit_scale`` multiplies the scores in front of the softmax; ``max_shift`` in pixels.
    """

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    max_shift: int
    logit_scale: float


@dataclass
class FitState:
    """Everything that an epoch hands to the next; a checkpoint is exactly this."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    epoch: int
    losses: list[float]


def derive_seed(*parts: object) -> int:
    """Return a 63-bit seed that depends on every part; streams of different parts are unrelated.

    Each epoch seeds its own generator, so that a resumed run draws what an uninterrupted one does.
    """
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


def to_codes(frames: NDArray[np.uint8]) -> Tensor:
    """Return (N, H, W, C) uint8 frames as (N, C, H, W) float32 integers 0..255."""
    return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))).float()


def start(network: nn.Module, schedule: Schedule) -> FitState:
    """Return the state in front of the first epoch."""
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=schedule.lr, weight_decay=schedule.weight_decay
    )
    return FitState(network=network, optimiser=optimiser, epoch=0, losses=[])


def fit(
    state: FitState,
    codes: Tensor,
    labels: Tensor,
    *,
    schedule: Schedule,
    seed: int,
    after_epoch: Callable[[FitState], None],
) -> None:
    """Train ``state`` in place from its epoch to the last one, then settle the batch-norms.

    ``codes``: (N, C, H, W) float32 integers; ``labels``: (N,) int64.
    """
    batches = max(1, len(labels) // schedule.batch_size)  # the rest of an epoch's shuffle is left
    while state.epoch < schedule.epochs:
        draw = torch.Generator().manual_seed(derive_seed(seed, state.epoch))
        order = torch.randperm(len(labels), generator=draw)
        state.network.train()
        summed = 0.0
        for batch in range(batches):
            progress = (state.epoch * batches + batch) / (schedule.epochs * batches)
            for group in state.optimiser.param_groups:
                group["lr"] = schedule.lr * 0.5 * (1 + math.cos(math.pi * progress))
            chosen = order[batch * schedule.batch_size : (batch + 1) * schedule.batch_size]
            shifted = shift(codes[chosen], schedule.max_shift, draw)
            logits = state.network(shifted) * schedule.logit_scale
            loss = nn.functional.cross_entropy(logits, labels[chosen])
            state.optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            state.optimiser.step()
            summed += float(loss.detach())
        state.epoch += 1
        state.losses.append(summed / batches)
        after_epoch(state)
    settle_norms(state.network, codes)


def settle_norms(network: nn.Module, codes: Tensor) -> None:
    """Replace the running statistics of batch-norm by those of ``codes`` under the final weights.

    The running averages trail the weights; in a binary network, where a small change flips signs,
    that costs accuracy.
    """
    norms = [
        module
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    momenta = [norm.momentum for norm in norms]
    network.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average
    with torch.no_grad():
        for batch in torch.split(codes, EVAL_BATCH):
            network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()


def real_scores(network: nn.Module, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the scores (N, classes) float32 of ``frames`` (N, H, W, C) uint8, evaluated."""
    network.eval()
    with torch.no_grad():
        parts = [network(batch) for batch in torch.split(to_codes(frames), EVAL_BATCH)]
    return torch.cat(parts).numpy()
