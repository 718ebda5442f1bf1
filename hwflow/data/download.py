"""Fetches publishers' files. Nothing here runs unless the user asked for it with --download."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import ssl
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from hwflow.data.files import write_atomic
from hwflow.errors import ConfigError
from hwflow.log import Progress

_CHUNK = 1 << 20
_TIMEOUT_S = 60.0
# What the other side can do wrong; any other OSError is about the file that is written.
_NETWORK = (
    urllib.error.URLError,
    http.client.HTTPException,
    ssl.SSLError,
    TimeoutError,
    ConnectionError,
)


def download(urls: Sequence[str], path: Path, *, md5: str, progress: Progress) -> None:
    """Fetch the file with this MD5 from the first of ``urls`` that has it to ``path``.

    A file that is there with this MD5 already is kept.

    Raises:
        ConfigError: no URL gave it, or ``path`` cannot be written.
    """
    if path.is_file() and _md5(path) == md5:
        return
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    failures = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for url in urls:
            try:
                found = _fetch(url, part, progress)
            except _NETWORK as error:
                failures.append(f"  {url}: {error}")
                continue
            if found == md5:
                part.replace(path)
                return
            failures.append(f"  {url}: expected MD5 {md5}, got {found}")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror}); choose a folder of yours with --data"
        ) from error
    finally:
        with suppress(OSError):  # there is none unless something went wrong
            part.unlink()
    told = "\n".join(failures)
    raise ConfigError(
        f"{path}: the download failed; try again, or put the file there by hand\n{told}"
    )


def _fetch(url: str, part: Path, progress: Progress) -> str:
    """Write what ``url`` holds to ``part`` and return its MD5."""
    told = hashlib.md5(usedforsecurity=False)
    name = url.rpartition("/")[2]
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, part.open("wb") as file:
        total = int(answer.headers.get("Content-Length") or 0)
        done = 0
        while block := answer.read(_CHUNK):
            file.write(block)
            told.update(block)
            done += len(block)
            progress(f"download {name}, MB", done // 10**6, total // 10**6)
    return told.hexdigest()


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def extract_tar(archive: Path, names: Sequence[str], folder: Path) -> None:
    """Write the members ``names`` of a verified .tar.gz below ``folder``.

    Raises:
        ConfigError: a member is missing, or ``folder`` cannot be written.
    """
    with tarfile.open(archive, "r:gz") as tar:
        for name in names:
            member = _member(tar, name)
            if member is None:
                raise ConfigError(f"{archive}: holds no {name}; remove it and try again")
            write_atomic(folder / name, member.read())


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes] | None:
    try:
        return tar.extractfile(name)
    except KeyError:
        return None


def extract_zip(archive: Path, top: str, folder: Path) -> None:
    """Unpack a verified .zip whose files all lie in ``top`` to ``folder / top``, all or nothing.

    Raises:
        ConfigError: ``folder`` cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".{top}-") as scratch:
            with zipfile.ZipFile(archive) as file:
                file.extractall(scratch)
            shutil.move(Path(scratch) / top, folder / top)
    except OSError as error:
        raise ConfigError(
            f"{folder / top}: cannot be unpacked ({error.strerror}); free some space, or choose "
            "a folder of yours with --data"
        ) from error
