"""Files of a training folder: per-stage weights and results.

Every file is written beside its place, forced to the disk and renamed, so that an interrupted run
leaves either the old file or the new one.
"""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import Field
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from hwflow.config import durable
from hwflow.config.base import StrictModel, load
from hwflow.config.bundle import Accuracy, sha256
from hwflow.config.train_options import DeviceKind
from hwflow.config.training import Precision
from hwflow.errors import ConfigError

RESULT_FILE = "train.json"
log = logging.getLogger(__name__)


class StageResult(StrictModel):
    """A trained stage. ``key``: hash of everything that its weights depend on.

    ``threads`` of torch, ``device`` and ``devices`` decide how float sums are split, and so are in
    the key. ``splits``: digest of what it was trained and validated on, ``Splits.digest``; none in
    files of old. ``weights``: a file, from the folder of ``train.json``. ``channels``: outputs of
    each weight layer but the classifier, where filters were removed. ``losses``: mean training loss
    per epoch of the last phase. ``seconds``: wall time of the call that finished it; ``precision``:
    of its passes, none in files of old. Test accuracy is left to ``export``, which measures the
    frozen network.
    """

    name: str
    key: str
    threads: int = Field(gt=0)
    device: DeviceKind = DeviceKind.CPU
    devices: int = Field(default=1, gt=0)
    splits: str | None = None
    weights: str
    sha256: str
    channels: tuple[int, ...] | None = None
    accuracy: Accuracy
    losses: tuple[float, ...]
    seconds: float = Field(ge=0)
    precision: Precision | None = None


class TrainResult(StrictModel):
    """``train.json``: the stages of a recipe, in order; paths relative to its folder.

    ``splits``: as of each stage.
    """

    schema_version: int = 1
    recipe: str
    splits: str | None = None
    stages: tuple[StageResult, ...]


def write_atomic(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` never holds a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    durable.replace(part, path)


def write_json(path: Path, model: StrictModel) -> None:
    """Write ``model`` as indented JSON."""
    write_atomic(path, (model.model_dump_json(indent=2) + "\n").encode())


def write_weights(path: Path, state: dict[str, Tensor]) -> None:
    """Write a network's ``state_dict`` as safetensors."""
    write_atomic(path, save_tensors({name: value.contiguous() for name, value in state.items()}))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the ``state_dict`` in a safetensors file.

    Raises:
        ConfigError: if it is missing or damaged.
    """
    try:
        return load_tensors(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); run `hwflow train`"
        ) from error
    except Exception as error:  # safetensors raises its own untyped SafetensorError
        raise ConfigError(
            f"{path}: not a weight file ({error}); run `hwflow train` again"
        ) from error


def intact_stage(folder: Path, name: str, *, place: str = "") -> StageResult | None:
    """Return the result of stage ``name`` if ``folder`` holds it, and the weights it tells of.

    ``place``: of the result, a folder below ``folder``.
    """
    path = folder / place / f"{name}.json"
    if not path.is_file():
        return None
    try:
        result = load(StageResult, path)
    except ConfigError as error:
        log.warning("training %s again: %s", name, error)
        return None
    weights = folder / result.weights
    return result if weights.is_file() and sha256(weights) == result.sha256 else None


def read_train_result(folder: Path) -> TrainResult:
    """Return ``train.json`` of ``folder`` after checking the hash of each weight file.

    Raises:
        ConfigError: naming the file that is missing or was changed.
    """
    result = load(TrainResult, folder / RESULT_FILE)
    for stage in result.stages:
        weights = folder / stage.weights
        if not weights.is_file() or sha256(weights) != stage.sha256:
            raise ConfigError(
                f"{weights}: missing, or not the file that {RESULT_FILE} describes; "
                "run `hwflow train` again"
            )
    return result
