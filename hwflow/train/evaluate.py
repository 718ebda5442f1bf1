"""Scores and accuracy of a network in evaluation mode, in float32."""

from __future__ import annotations

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn

from hwflow.train.frames import Batches, to_codes

EVAL_BATCH = 256


def real_scores(network: nn.Module, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the scores (N, classes) float32 of ``frames`` (N, H, W, C) uint8, evaluated."""
    network.eval()
    with torch.no_grad():
        parts = [
            network(to_codes(frames[begin : begin + EVAL_BATCH]))
            for begin in range(0, len(frames), EVAL_BATCH)
        ]
    return torch.cat(parts).numpy()


def accuracy(network: nn.Module, data: Batches, fabric: Fabric) -> float:
    """Return the share of ``data`` that ``network`` gets right; processes share the work.

    A tie goes to the lowest class, as in hardware.
    """
    network.eval()
    right = torch.zeros((), dtype=torch.int64, device=fabric.device)
    step = EVAL_BATCH * fabric.world_size
    with torch.no_grad():
        for begin in range(EVAL_BATCH * fabric.global_rank, len(data), step):
            end = begin + EVAL_BATCH
            label = network(data.codes(begin, end)).argmax(dim=1)
            right += (label == data.labels[begin:end]).sum()
    total = fabric.all_reduce(right, reduce_op="sum")
    assert isinstance(total, torch.Tensor)
    return int(total) / len(data)
