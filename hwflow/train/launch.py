"""Where training runs: in this process, or in one process per device."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from lightning_fabric import Fabric
from torch.multiprocessing.spawn import ProcessRaisedException

from hwflow.config.train_options import DeviceKind, TrainOptions
from hwflow.config.training import Precision
from hwflow.errors import ConfigError, HwflowError
from hwflow.log import Progress

_PRECISION: dict[Precision, Any] = {
    Precision.FLOAT32: "32-true",
    Precision.BF16: "bf16-mixed",
}
log = logging.getLogger(__name__)


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


@contextmanager
def float32_in_order(device: DeviceKind) -> Iterator[None]:
    """Let a GPU compute float32 in float32, and by algorithms that give the same sums each time.

    cuDNN takes TF32 for float32 convolutions and the fastest algorithm at hand unless told not to.
    Some operations know no such algorithm; they go on, with torch's warning. On the CPU nothing
    changes.
    """
    if device != DeviceKind.CUDA:
        yield
        return
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32, torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        matmul.allow_tf32 = False
        torch.use_deterministic_algorithms(True, warn_only=True)
        with torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        ):
            yield
    finally:
        matmul.allow_tf32 = before[0]
        torch.use_deterministic_algorithms(before[1], warn_only=warn_only)


def computed(asked: Precision, device: DeviceKind) -> Precision:
    """Return the precision of the passes on this machine: what is asked for, or float32.

    A processor without instructions for bf16 takes some ten times as long over it as over float32.
    """
    if asked is Precision.BF16 and device is DeviceKind.CPU and not multiplies_bf16():
        return Precision.FLOAT32
    return asked


def multiplies_bf16() -> bool:
    """Return whether oneDNN, which torch computes with, has bf16 on this processor."""
    has_library: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return has_library and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@cache
def _tell_of_float32() -> None:
    """Say so once in a process."""
    log.warning(
        "precision: bf16: slow on this processor, which has no instructions for it; float32 is "
        "taken instead"
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

    Raises:
        HwflowError: the one that ``function`` raised.
    """
    failures: list[HwflowError] = []
    try:
        with _relayed(progress, failures) as sender:
            fabric = _fabric(options, precision, devices=options.devices, strategy="ddp_spawn")
            fabric.launch(_Task(function, *arguments, sender=sender))
    except ProcessRaisedException:
        if failures:
            raise failures[0] from None
        raise


def end_with_parent(parent: int) -> None:
    """End this process at once if ``parent`` is no longer its parent.

    A process whose parent was killed would train on beside the one that the user starts next.
    """
    if os.getppid() != parent:
        os._exit(1)


def _fabric(options: TrainOptions, precision: Precision, *, devices: int, strategy: str) -> Fabric:
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    taken = computed(precision, options.device)
    if taken is not precision:
        _tell_of_float32()
    return Fabric(
        accelerator=options.device,
        devices=devices,
        strategy=strategy,
        precision=_PRECISION[taken],
    )


class _Task:
    """A call with its arguments; Fabric looks through arguments, and refuses frozen dataclasses."""

    def __init__(self, function: Callable[..., None], *arguments: object, sender: _Sender) -> None:
        self._function, self._arguments, self._sender = function, arguments, sender

    def __call__(self, fabric: Fabric) -> None:
        try:
            self._function(fabric, *self._arguments, self._sender)
        except HwflowError as error:
            self._sender.fail(error)
            raise


class _Sender:
    """A progress callback in another process."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def __call__(self, what: str, done: int, total: int) -> None:
        self._queue.put((what, done, total))

    def fail(self, error: HwflowError) -> None:
        """Tell of an error; what ends a process says it in words only."""
        self._queue.put(error)


@contextmanager
def _relayed(progress: Progress, failures: list[HwflowError]) -> Iterator[_Sender]:
    """Give what other processes tell their progress and errors to."""
    queue = torch.multiprocessing.get_context("spawn").SimpleQueue()
    relay = threading.Thread(target=_relay, args=(queue, progress, failures), daemon=True)
    relay.start()
    try:
        yield _Sender(queue)
    finally:
        queue.put(None)
        relay.join()


def _relay(queue: Any, progress: Progress, failures: list[HwflowError]) -> None:
    while (told := queue.get()) is not None:
        if isinstance(told, HwflowError):
            failures.append(told)
        else:
            progress(*told)
