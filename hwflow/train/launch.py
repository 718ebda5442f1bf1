"""Where training runs: in this process, or in one process per device."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

import torch
from lightning_fabric import Fabric

from hwflow.config.train_options import DeviceKind, TrainOptions
from hwflow.config.training import Precision
from hwflow.errors import ConfigError
from hwflow.log import Progress

_PRECISION: dict[Precision, Any] = {
    Precision.FLOAT32: "32-true",
    Precision.BF16: "bf16-mixed",
}


def check_devices(options: TrainOptions) -> None:
    """Make sure that the machine has what ``options`` asks for.

    Raises:
        ConfigError: it has not.
    """
    if options.device == DeviceKind.CUDA:
        found = torch.cuda.device_count()
        if found < options.devices:
            raise ConfigError(
                f"--device cuda --devices {options.devices}: torch finds {found} GPU(s); ask for "
                "fewer, or train on --device cpu"
            )


def here(options: TrainOptions, precision: Precision) -> Fabric:
    """Return the Fabric of training in this process, on one device."""
    return _fabric(options, precision, devices=1, strategy="auto")


def in_processes(
    function: Callable[..., None],
    *arguments: object,
    options: TrainOptions,
    precision: Precision,
    progress: Progress,
) -> None:
    """Run ``function(fabric, *arguments, progress)`` in one process per device; wait for all.

    ``function`` and ``arguments`` are pickled. The processes end soon after this one, however it
    ends: see ``end_with_parent``.
    """
    queue = torch.multiprocessing.get_context("spawn").SimpleQueue()
    relay = threading.Thread(target=_relay, args=(queue, progress), daemon=True)
    relay.start()
    try:
        fabric = _fabric(options, precision, devices=options.devices, strategy="ddp_spawn")
        fabric.launch(_Task(function, *arguments, _Sender(queue)))
    finally:
        queue.put(None)
        relay.join()


def end_with_parent(parent: int) -> None:
    """End this process at once if ``parent`` is no longer its parent.

    A process whose parent was killed would train on beside the one that the user starts next.
    """
    if os.getppid() != parent:
        os._exit(1)


def _fabric(options: TrainOptions, precision: Precision, *, devices: int, strategy: str) -> Fabric:
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    return Fabric(
        accelerator=options.device,
        devices=devices,
        strategy=strategy,
        precision=_PRECISION[precision],
    )


class _Task:
    """A call with its arguments; Fabric looks through arguments, and refuses frozen dataclasses."""

    def __init__(self, function: Callable[..., None], *arguments: object) -> None:
        self._function, self._arguments = function, arguments

    def __call__(self, fabric: Fabric) -> None:
        self._function(fabric, *self._arguments)


class _Sender:
    """A progress callback in another process."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def __call__(self, what: str, done: int, total: int) -> None:
        self._queue.put((what, done, total))


def _relay(queue: Any, progress: Progress) -> None:
    while (told := queue.get()) is not None:
        progress(*told)
