"""Writes an example network as QONNX, the way its own project exports it."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from brevitas.export import export_qonnx

from hwflow.export.qonnx_file import strip
from hwflow.nets.examples import Example, example


def write_example(name: str, path: Path, *, seed: int) -> Example:
    """Write example ``name`` with random weights of ``seed`` to ``path``; nothing else matters.

    Raises:
        ConfigError: there is no such example.
    """
    network, entry = example(name, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of this exporter
        export_qonnx(
            network, torch.zeros(1, *entry.shape), str(path), dynamo=False, opset_version=18
        )
    model = onnx.load(path)
    strip(model)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return entry
