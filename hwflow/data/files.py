"""Published files: read them, and check that they are what their publisher put out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hwflow.cache import cache_dir
from hwflow.errors import ConfigError


def read(path: Path) -> bytes:
    """Return the content of ``path``.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error


def read_verified(path: Path, md5: str) -> bytes:
    """Return the content of ``path``, whose MD5 is ``md5``.

    Raises:
        ConfigError: it cannot be read, or is another file than the publisher's.
    """
    content = read(path)
    verify(content, md5, parts=(path,), shown=path)
    return content


def verify(content: bytes, md5: str, *, parts: Sequence[Path], shown: Path) -> None:
    """Check that ``content``, made of the files ``parts``, has the MD5 ``md5``.

    It is not computed again as long as each of ``parts`` keeps its size and time of change.
    ``shown`` is how an error names the content.

    Raises:
        ConfigError: it has another MD5.
    """
    marker = _marker(parts, md5)
    if marker.exists():
        return
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise ConfigError(
            f"{shown}: not the publisher's file: expected MD5 {md5}, found {found} "
            f"({len(content):,} bytes); damaged or cut short? Replace it, or remove it and run "
            "again with --download"
        )
    marker.touch()


def _marker(parts: Sequence[Path], md5: str) -> Path:
    """Return the file whose existence says that ``parts``, as they are now, have been verified.

    One empty file for each fact: processes that verify at the same time cannot disturb each other.
    """
    told = hashlib.sha256(md5.encode())
    for part in parts:
        status = part.stat()
        told.update(f"|{part.absolute()}|{status.st_size}|{status.st_mtime_ns}".encode())
    return cache_dir("verified") / told.hexdigest()[:32]


def write_atomic(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` never holds a part of it.

    Raises:
        ConfigError: the folder cannot be written.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror}); choose a folder of yours with --data"
        ) from error
