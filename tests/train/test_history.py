from __future__ import annotations

import struct

import pytest

from hwflow.train.history import History, Row

pytestmark = pytest.mark.train

HEADER = "epoch,phase,lr,loss,validation_accuracy,seconds,images_per_s"


def row(epoch: int, loss: float = 0.5) -> Row:
    return Row(epoch, "w1a1", 0.01, loss, 0.75, 1.5, 100.0)


def history(folder, *, position=0, epochs=0, tensorboard=False):
    return History(folder, "stage0", position=position, epochs=epochs, tensorboard=tensorboard)


def test_rows_behind_the_checkpoint_are_dropped(tmp_path):
    first = history(tmp_path)
    first.add(row(1))
    position = first.settle()
    first.add(row(2, loss=9.0))  # its checkpoint was never written
    again = history(tmp_path, position=position, epochs=1)
    again.add(row(2))
    assert (tmp_path / "stage0.csv").read_text().splitlines() == [
        HEADER,
        "1,w1a1,0.01,0.5,0.75,1.5,100.0",
        "2,w1a1,0.01,0.5,0.75,1.5,100.0",
    ]


def test_a_run_from_the_begin_starts_a_new_log(tmp_path):
    history(tmp_path).add(row(7))
    history(tmp_path)
    assert (tmp_path / "stage0.csv").read_text() == HEADER + "\n"


def test_tensorboard_is_told_from_which_step_on_to_forget(tmp_path):
    from tensorboardX.proto.event_pb2 import Event

    first = history(tmp_path, tensorboard=True)
    first.add(row(1))
    first.close()
    (earlier,) = (tmp_path / "tensorboard" / "stage0").iterdir()
    again = history(tmp_path, position=first.settle(), epochs=1, tensorboard=True)
    again.add(row(2, loss=0.25))
    again.close()
    events = []
    for file in (tmp_path / "tensorboard" / "stage0").iterdir():
        for content in records(file.read_bytes()):
            event = Event()
            event.ParseFromString(content)
            events.append(event)
    assert earlier.is_file()
    told = [(e.step, v.tag, v.simple_value) for e in events for v in e.summary.value]
    assert (1, "loss", 0.5) in told
    assert (2, "loss", 0.25) in told
    starts = [e.step for e in events if e.HasField("session_log")]
    assert 2 in starts


def records(content: bytes):
    """TFRecord: length (8 bytes), its checksum (4), the data, their checksum (4)."""
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield content[12 : 12 + length]
        content = content[16 + length :]
