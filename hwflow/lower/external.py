"""Weights that an ONNX file keeps in files beside it."""

from __future__ import annotations

from pathlib import Path

from hwflow.errors import ConfigError


def external_files(model: Path) -> tuple[Path, ...]:
    """Return the files beside ``model`` that hold its weights; none if it is no readable ONNX.

    A step that reads the model depends on these too; what is wrong with the file is said when it
    is read.
    """
    import onnx
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    try:
        loaded = onnx.load(model, load_external_data=False)
        names = {
            ExternalDataInfo(tensor).location
            for tensor in loaded.graph.initializer
            if uses_external_data(tensor)
        }
    except Exception:  # protobuf's own exceptions, wrong entries; ``read`` tells the user
        return ()
    return tuple(path for name in sorted(names) if (path := model.parent / name).is_file())


def embed(model: Path, target: Path) -> None:
    """Write the ONNX file ``model`` to ``target`` as one file, its weights within.

    Raises:
        ConfigError: weights are missing, or do not fit into one file (2 GiB).
    """
    import onnx

    try:
        loaded = onnx.load(model)
        content = loaded.SerializeToString(deterministic=True)
    except Exception as error:  # protobuf's own exceptions, and OSError for a missing file
        raise ConfigError(f"{model}: cannot be read with its weights ({error})") from error
    target.write_bytes(content)
