"""Batch-norms at the end of training, in its frozen epochs, and over several processes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, distributed, nn

from hwflow.train.evaluate import EVAL_BATCH

BatchNorm = nn.modules.batchnorm._BatchNorm

# A last batch of so many frames stays one: they count up to 2.5 times, and the weights of models
# that were settled so stay what they are (digits: 113 behind 4 × 256).
_LEAST_LAST = -(-EVAL_BATCH * 2 // 5)


def norms_of(network: nn.Module) -> list[BatchNorm]:
    """Return every batch-norm of ``network``."""
    return [module for module in network.modules() if isinstance(module, BatchNorm)]


def settling_batches(chosen: Tensor) -> Sequence[Tensor]:
    """Return ``chosen`` (N,) in batches of ``EVAL_BATCH`` frames at most, for ``settle_norms``.

    Batches count alike there, so the frames of a short last one would count too much, and a single
    frame has no variance: then all batches are of one size, give or take a frame.
    """
    if 0 < len(chosen) % EVAL_BATCH < _LEAST_LAST:
        return torch.tensor_split(chosen, -(-len(chosen) // EVAL_BATCH))
    return torch.split(chosen, EVAL_BATCH)


def settle_norms(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace the running statistics of batch-norm by those of ``batches`` under these weights.

    ``batches``: (N, C, H, W) float32 codes each. The running averages trail the weights; in a
    binary network, where a small change flips signs, that costs accuracy. Leaves the network in
    evaluation mode.
    """
    norms = norms_of(network)
    momenta = [norm.momentum for norm in norms]
    network.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average
        if isinstance(norm, _Synchronised):
            norm.alone = True  # every process goes through all the frames
    with torch.no_grad():
        for batch in batches:
            network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        if isinstance(norm, _Synchronised):
            norm.alone = False
    network.eval()


def synchronise(network: nn.Module) -> None:
    """Let the batch-norms of ``network`` take their statistics over the batches of all processes.

    torch has ``SyncBatchNorm`` for this, which refuses the CPU.
    """
    for norm in norms_of(network):
        kind = type(norm)
        norm.__class__ = type(f"Synchronised{kind.__name__}", (_Synchronised, kind), {})


class _Synchronised(BatchNorm):
    """Batch-norm over all processes; every process has a batch of the same size.

    Statistics are float32, as torch's own are; the result is of the input's dtype.
    """

    alone = False

    def forward(self, values: Tensor) -> Tensor:
        if self.alone or not self.training:
            return super().forward(values)
        axes = [axis for axis in range(values.dim()) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(values.dim())]
        count = distributed.get_world_size() * values.numel() // values.shape[1]
        wide = values.float()
        mean = _summed(wide.sum(axes)) / count
        centred = wide - mean.view(shape)
        variance = _summed(centred.square().sum(axes)) / count
        self._track(mean.detach(), variance.detach() * count / (count - 1))
        scaled = centred * torch.rsqrt(variance + self.eps).view(shape)
        result = scaled * self.weight.view(shape) + self.bias.view(shape)
        return result.to(values.dtype)

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


class _Sum(torch.autograd.Function):
    """Sum over the processes. Each one's loss depends on it, so the gradients are summed too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return _all_reduced(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _all_reduced(gradient)


def _all_reduced(values: Tensor) -> Tensor:
    total = values.clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(total)
    return total


def _summed(values: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]
    return total
