"""idx files, as http://yann.lecun.com/exdb/mnist/ describes them, and the gzip around them."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.errors import ConfigError

_UINT8 = 8  # the code of the element type in the third byte


def unpack(content: bytes, path: Path) -> bytes:
    """Return what gzip has packed into ``content``, read from ``path``.

    Raises:
        ConfigError: it is damaged or cut short.
    """
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{path}: not a whole gzip file ({error}); replace it") from error


def parse_idx(content: bytes, path: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """Return the array in the idx file ``content``, read from ``path``.

    Raises:
        ConfigError: it has no such header, or more or fewer bytes than its header says.
    """
    start = 4 + 4 * dimensions
    header = content[:4]
    if len(content) < start or header != bytes((0, 0, _UINT8, dimensions)):
        raise ConfigError(
            f"{path}: expected an idx file of {dimensions} dimensions of bytes "
            f"(0000080{dimensions}), found {header.hex() or 'nothing'} at its beginning; replace it"
        )
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4)]
    found = len(content) - start
    if found != math.prod(shape):
        raise ConfigError(
            f"{path}: expected {math.prod(shape):,} bytes behind the header ({shape}), "
            f"found {found:,}; replace it"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
