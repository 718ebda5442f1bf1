"""The integer network as a file: what an accelerator keeps to be verified against, by itself.

An ``.npz`` of the layers' arrays and one JSON text of everything else; no pickled objects.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from hwflow.errors import ConfigError
from hwflow.lower.network import (
    Add,
    Affine,
    Conv,
    Depthwise,
    Layer,
    MaxPool,
    Network,
    Pad,
    Reshape,
    SumPool,
    Tensor,
    Threshold,
)

NETWORK_FILE = "network.npz"
_HEADER = "network"
_VERSION = 1
_KINDS: dict[str, type[Layer]] = {
    cls.kind: cls
    for cls in (Pad, Conv, Depthwise, Threshold, MaxPool, SumPool, Add, Affine, Reshape)
}


def save_network(network: Network, path: Path) -> None:
    """Write ``network`` to ``path`` (.npz)."""
    arrays: dict[str, Any] = {}
    layers = []
    for index, layer in enumerate(network.layers):
        entry: dict[str, Any] = {"kind": layer.kind}
        for field in fields(layer):
            value = getattr(layer, field.name)
            if isinstance(value, np.ndarray):
                arrays[f"{index}.{field.name}"] = value
            else:
                entry[field.name] = asdict(value) if isinstance(value, Tensor) else value
        layers.append(entry)
    header = {
        "version": _VERSION,
        "name": network.name,
        "input": asdict(network.input),
        "layers": layers,
        "scores": network.scores,
        "score_scale": network.score_scale,
        "score_offset": network.score_offset,
    }
    arrays[_HEADER] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez_compressed(path, allow_pickle=False, **arrays)


def load_network(path: Path) -> Network:
    """Return the network in ``path``.

    Raises:
        ConfigError: the file is missing, or not of this format.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: missing from the accelerator; run `hwflow build` again")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        header = json.loads(arrays[_HEADER].tobytes())
        if header["version"] != _VERSION:
            raise ValueError(f"version {header['version']}, expected {_VERSION}")
        layers = [_layer(entry, index, arrays) for index, entry in enumerate(header["layers"])]
        return Network(
            name=header["name"],
            input=_tensor(header["input"]),
            layers=tuple(layers),
            scores=header["scores"],
            score_scale=header["score_scale"],
            score_offset=header["score_offset"],
        )
    except (OSError, BadZipFile, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: not a network that hwflow wrote ({error}); run `hwflow build` again"
        ) from error


def _layer(entry: dict[str, Any], index: int, arrays: dict[str, Any]) -> Layer:
    cls = _KINDS[entry.pop("kind")]
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
    }
    values["output"] = _tensor(entry["output"])
    for field in fields(cls):
        if field.name not in values:
            values[field.name] = arrays[f"{index}.{field.name}"]
    return cls(**values)


def _tensor(entry: dict[str, Any]) -> Tensor:
    return Tensor(**{**entry, "shape": tuple(entry["shape"])})
