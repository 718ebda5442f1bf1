"""Opens an ONNX file: what is no ONNX file, truncated or incomplete is refused here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnx.inliner
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import AttributeProto, TensorProto

from hwflow.errors import ConfigError

# Messages of protobuf are untyped.
Model = Any

# Protobuf's own bound on a message.
MAX_BYTES = 2**31 - 1
# A larger weight tensor is a mistake or an attack: no device of ours holds it.
MAX_ELEMENTS = 2**28


def load(path: Path) -> Model:
    """Return the ``onnx.ModelProto`` of ``path``, external data read in, local functions inlined.

    Raises:
        ConfigError: if the file cannot be read, is no ONNX model, or lacks data it names.
    """
    model = onnx.ModelProto()
    try:
        model.ParseFromString(_bytes(path))
    except DecodeError as error:
        raise ConfigError(
            f"{path} is no ONNX file, or is truncated or damaged ({error}); export it again"
        ) from error
    if not model.HasField("graph") or not model.opset_import:
        raise ConfigError(
            f"{path} is no ONNX model: expected a graph and operator set versions; export it again"
        )
    for tensor in _tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL:
            _read_external(tensor, path)
    if model.functions:
        try:
            model = onnx.inliner.inline_local_functions(model)
        except (ValueError, RuntimeError, TypeError) as error:
            raise ConfigError(
                f"{path}: its local functions cannot be inlined: {error}; export it without them"
            ) from error
    return model


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder; expected an ONNX file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ConfigError(
                f"{path} has {size} bytes; an ONNX file has at most {MAX_BYTES}: "
                "keep its weights as external data"
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}; expected an ONNX file") from error


def _tensors(model: Model) -> Iterator[Any]:
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                yield attribute.t


def _read_external(tensor: Any, path: Path) -> None:
    """Move the external data of ``tensor`` into it; only files inside the model's folder count."""
    where = f"{path}: the external data of {tensor.name!r}"
    entries = {entry.key: entry.value for entry in tensor.external_data}
    folder = path.resolve().parent
    try:
        file = (folder / entries["location"]).resolve()
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", -1))
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(f"{where} has no proper location, offset and length: {error}") from error
    if not file.is_relative_to(folder):
        raise ConfigError(
            f"{where} lies outside the model's folder ({entries['location']}); "
            "put it beside the model"
        )
    try:
        size = file.stat().st_size
        if offset < 0 or offset + max(length, 0) > size:
            raise ConfigError(f"{where} goes beyond the end of {file.name} ({size} bytes)")
        with file.open("rb") as stream:
            stream.seek(offset)
            if length < 0:
                length = size - offset
            if length > MAX_BYTES:
                raise ConfigError(f"{where} has {length} bytes; at most {MAX_BYTES} are read")
            tensor.raw_data = stream.read(length)
    except OSError as error:
        raise ConfigError(
            f"{where} cannot be read: {error}; keep {entries['location']} beside the model"
        ) from error
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]
