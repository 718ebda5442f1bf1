"""Whether a step's results are those of the accelerator as it is now."""

from __future__ import annotations

from pathlib import Path

from hwflow.config import manifest
from hwflow.errors import ConfigError


def check_source(folder: Path, accelerator_dir: Path, command: str) -> None:
    """Refuse results in ``folder`` of another accelerator, or of one that has changed since.

    Raises:
        ConfigError: ``hwflow command`` did not make them from ``accelerator_dir`` as it is.
    """
    run = manifest.read(folder)
    wanted = manifest.tree_hash(accelerator_dir)
    if run is None or run.inputs.get("accelerator") != wanted:
        raise ConfigError(
            f"{folder}: made from another accelerator than {accelerator_dir} is now; "
            f"run `hwflow {command} {accelerator_dir}` again"
        )
