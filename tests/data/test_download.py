"""Downloads, from a server of the test's own."""

from __future__ import annotations

import dataclasses
import io
import shutil
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from data_files import (
    cache,  # noqa: F401
    labelled,
    md5,
    write_cifar,
    write_idx_set,
    write_svhn,
    write_tiny,
)

from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import Cifar10Dataset, MnistDataset, SvhnDataset, TinyImageNetDataset
from hwflow.data.cifar import load_cifar
from hwflow.data.download import download, extract_tar
from hwflow.data.idx import load_idx
from hwflow.data.svhn import load_svhn
from hwflow.data.tiny_imagenet import load_tiny_imagenet
from hwflow.errors import ConfigError
from hwflow.log import silent

pytestmark = pytest.mark.usefixtures("cache")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path.endswith("/broken-off"):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
            return
        super().do_GET()


@pytest.fixture
def server(tmp_path):
    """A folder, and the address under which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


def test_a_file_arrives_and_is_kept(server, tmp_path):
    folder, url = server
    (folder / "a").write_bytes(b"content")
    path, told = tmp_path / "new" / "a", []
    progress = lambda *step: told.append(step)  # noqa: E731
    download([url + "a"], path, md5=md5(b"content"), progress=progress)
    assert path.read_bytes() == b"content"
    assert told == [("download a, MB", 0, 0)]
    (folder / "a").unlink()
    download([url + "a"], path, md5=md5(b"content"), progress=progress)


def test_the_next_address_is_tried(server, tmp_path):
    folder, url = server
    (folder / "bad").write_bytes(b"other")
    (folder / "good").write_bytes(b"content")
    urls = [url + "none", url + "bad", "http://127.0.0.1:1/a", url + "broken-off", url + "good"]
    download(urls, tmp_path / "a", md5=md5(b"content"), progress=silent)
    assert (tmp_path / "a").read_bytes() == b"content"


def test_every_failure_is_told_and_nothing_is_left(server, tmp_path):
    folder, url = server
    (folder / "bad").write_bytes(b"other")
    place = tmp_path / "place"
    urls = [url + "none", url + "bad", url + "broken-off"]
    with pytest.raises(ConfigError, match=r"a: the download failed") as caught:
        download(urls, place / "a", md5=md5(b"content"), progress=silent)
    lines = str(caught.value).splitlines()
    assert "404" in lines[1]
    assert f"expected MD5 {md5(b'content')}, got {md5(b'other')}" in lines[2]
    assert "broken-off" in lines[3]
    assert list(place.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(server, tmp_path):
    folder, url = server
    (folder / "a").write_bytes(b"content")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/a: cannot be written .*--data"):
        download([url + "a"], tmp_path / "file" / "a", md5=md5(b"content"), progress=silent)


def test_an_archive_without_a_member_is_named(tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("folder/one"), io.BytesIO())
    with pytest.raises(ConfigError, match=r"a\.tar\.gz: holds no folder/two"):
        extract_tar(path, ["folder/one", "folder/two"], tmp_path)


def test_mnist(server, tmp_path):
    folder, url = server
    known = write_idx_set(folder, labelled(40, 10, (28, 28), 0), labelled(10, 10, (28, 28), 1))
    known = dataclasses.replace(known, mirrors=(url, url + "MNIST/raw/"))
    config, root = MnistDataset(name="mnist", validation=10), tmp_path / "root"
    fetched = load_idx(known, config, DataRoot(root, download=True), silent)
    assert load_idx(known, config, DataRoot(root), silent).digest == fetched.digest
    assert len(list((root / "MNIST" / "raw").iterdir())) == 4


def test_cifar(server, tmp_path):
    folder, url = server
    frames = labelled(40, 10, (32, 32, 3), 0)
    known = write_cifar(folder, frames, labelled(10, 10, (32, 32, 3), 1))
    archive = folder / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder / known.folder, arcname=known.folder)
    known = dataclasses.replace(
        known, url=url + archive.name, archive_md5=md5(archive.read_bytes())
    )
    config, root = Cifar10Dataset(name="cifar10", validation=10), tmp_path / "root"
    fetched = load_cifar(known, config, DataRoot(root, download=True), silent)
    np.testing.assert_array_equal(fetched.train.frames, frames[0][fetched.train.indices])
    # The archive is there: unpacking it again needs no server.
    archive.unlink()
    shutil.rmtree(root / known.folder)
    load_cifar(known, config, DataRoot(root, download=True), silent)


def test_svhn(server, tmp_path):
    folder, url = server
    known = write_svhn(folder, labelled(30, 10, (32, 32, 3), 0), labelled(10, 10, (32, 32, 3), 1))
    known = dataclasses.replace(known, url=url)
    config, root = SvhnDataset(name="svhn", validation=10), tmp_path / "root"
    load_svhn(known, config, DataRoot(root, download=True), silent)
    load_svhn(known, config, DataRoot(root), silent)


def test_tiny_imagenet(server, tmp_path):
    folder, url = server
    known = write_tiny(folder)
    packed = shutil.make_archive(str(folder / known.folder), "zip", folder, known.folder)
    known = dataclasses.replace(
        known, url=f"{url}{known.folder}.zip", archive_md5=md5(Path(packed).read_bytes())
    )
    config, root = TinyImageNetDataset(name="tiny_imagenet", validation=12), tmp_path / "root"
    fetched = load_tiny_imagenet(known, config, DataRoot(root, download=True), silent)
    assert fetched.frame_shape == (64, 64, 3)
    assert sorted(path.name for path in root.iterdir()) == [known.folder, f"{known.folder}.zip"]
