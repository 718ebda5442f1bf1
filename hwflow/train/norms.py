"""Batch-norms at the end of training, in its frozen epochs, and over several processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

BatchNorm = nn.modules.batchnorm._BatchNorm


def norms_of(network: nn.Module) -> list[BatchNorm]:
    """Return every batch-norm of ``network``."""
    return [module for module in network.modules() if isinstance(module, BatchNorm)]


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
    """Batch-norm over all processes; every process has a batch of the same size."""

    alone = False

    def forward(self, values: Tensor) -> Tensor:
        if self.alone or not self.training:
            return super().forward(values)
        axes = [axis for axis in range(values.dim()) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(values.dim())]
        count = torch.distributed.get_world_size() * values.numel() // values.shape[1]
        mean = _summed(values.sum(axes)) / count
        centred = values - mean.view(shape)
        variance = _summed(centred.square().sum(axes)) / count
        self._track(mean.detach(), variance.detach() * count / (count - 1))
        scaled = centred * torch.rsqrt(variance + self.eps).view(shape)
        return scaled * self.weight.view(shape) + self.bias.view(shape)

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


def _summed(values: Tensor) -> Tensor:
    total: Any = all_reduce(values)  # type: ignore[no-untyped-call]
    return torch.as_tensor(total)
