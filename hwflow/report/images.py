"""Frames as PNG data URIs, so that the page needs no other file."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

GREY, RGB = 0, 2  # colour types of the PNG specification, section 11.2.1
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(frame: NDArray[np.uint8]) -> bytes:
    """Return ``frame`` (H, W, 1 or 3) uint8 as a PNG file."""
    height, width, channels = frame.shape
    if channels not in (1, 3):
        raise ValueError(f"frame: expected 1 or 3 channels, got {channels}")
    header = struct.pack(">IIBBBBB", width, height, 8, GREY if channels == 1 else RGB, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(frame))
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def data_uri(frame: NDArray[np.uint8]) -> str:
    """Return ``frame`` as the source of an <img>."""
    return "data:image/png;base64," + base64.b64encode(png(frame)).decode("ascii")
