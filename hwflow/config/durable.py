"""Files that are whole at any moment, for whoever reads them and for a machine that loses power."""

from __future__ import annotations

import os
from pathlib import Path


def replace(part: Path, path: Path) -> None:
    """Put the file ``part`` at ``path``, in the same folder: its bytes first, then its name.

    A rename may reach the disk before the bytes do (POSIX promises no order), and the folder's own
    entry later than both; hence one ``fsync`` each.
    """
    force(part)
    part.replace(path)
    force(path.parent)


def force(path: Path) -> None:
    """Wait until the file or the entries of the folder at ``path`` are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
