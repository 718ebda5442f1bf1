from __future__ import annotations

import hashlib
import os

import pytest
from data_files import cache, md5  # noqa: F401

from hwflow.config.data_root import DataRoot
from hwflow.data.files import read_verified, write_atomic
from hwflow.errors import ConfigError


def same_stamp(path, content):
    """Change the content of ``path`` and leave size and time as they were."""
    status = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_verified_file_is_not_hashed_again_until_it_changes(tmp_path, cache, monkeypatch):  # noqa: F811
    path = tmp_path / "a"
    path.write_bytes(b"one")
    good = md5(b"one")
    assert read_verified(path, good) == b"one"
    assert len(list((cache / "verified").iterdir())) == 1
    hashed = []
    monkeypatch.setattr(hashlib, "md5", lambda *_, **__: hashed.append(1))
    read_verified(path, good)
    assert hashed == []
    monkeypatch.undo()
    monkeypatch.setenv("HWFLOW_CACHE", str(cache))
    # The other MD5 of the same file was never confirmed.
    with pytest.raises(ConfigError, match="expected MD5"):
        read_verified(path, md5(b"two"))
    path.write_bytes(b"three")
    with pytest.raises(ConfigError, match=r"expected MD5.*\(5 bytes\)"):
        read_verified(path, good)


def test_a_failed_check_is_not_remembered(tmp_path, cache):  # noqa: F811
    path = tmp_path / "a"
    path.write_bytes(b"bad")
    with pytest.raises(ConfigError, match="expected MD5"):
        read_verified(path, md5(b"one"))
    same_stamp(path, b"one")
    assert read_verified(path, md5(b"one")) == b"one"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/a: cannot be written .*--data"):
        write_atomic(tmp_path / "file" / "a", b"")


def test_root_is_what_was_named_last(tmp_path, cache, monkeypatch):  # noqa: F811
    assert DataRoot().path == cache / "datasets"
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    monkeypatch.setenv("HWFLOW_DATA", str(one))
    assert DataRoot().path == one
    with pytest.raises(ConfigError, match=r"two: no such folder; --data"):
        _ = DataRoot(two).path
    assert DataRoot(two, download=True).path == two
    monkeypatch.setenv("HWFLOW_DATA", str(two))
    with pytest.raises(ConfigError, match=r"two: no such folder; HWFLOW_DATA"):
        _ = DataRoot().path
    assert DataRoot(one).path == one
