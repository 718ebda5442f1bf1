"""The training loop of several networks on the same batches, resumable after any step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from lightning_fabric import Fabric
from torch import Tensor, nn

from hwflow.config.joint import Distillation, Joint
from hwflow.config.training import CosineSchedule
from hwflow.data.augment import augment
from hwflow.nets import StageNet
from hwflow.train.evaluate import accuracy
from hwflow.train.fit import (
    TrainingData,
    Watcher,
    check_loss,
    derive_seed,
    even,
    lay_out,
    layout_of,
    settle,
)
from hwflow.train.norms import synchronise
from hwflow.train.pruner import Pruner, share_removed
from hwflow.train.rates import rate
from hwflow.train.state import FitState, Settings

# Between two prunings, in steps: they sort every weight of a layer.
_PRUNE_EVERY = 16


@dataclass(frozen=True)
class JointPhase:
    """Epochs ``before`` … ``before`` + ``epochs`` of ``joint``, with the same networks.

    ``settings``: of each network; its ``lr`` is the rate that the first epoch of all began with.
    ``last``: whether the last network is the recipe's last stage. ``prunes``: whether sparsity
    rises from 0 to the end.
    """

    name: str
    joint: Joint
    settings: tuple[Settings, ...]
    before: int
    epochs: int
    last: bool
    prunes: bool


def _net(part: FitState) -> StageNet:
    return cast(StageNet, part.network)


class JointState:
    """Several networks in training, in step. ``pruners``: of those that lose something."""

    def __init__(self, parts: Sequence[FitState], pruners: Sequence[Pruner | None]) -> None:
        self.parts = tuple(parts)
        self.pruners = tuple(pruners)

    @property
    def epoch(self) -> int:
        """Epochs done of the phase."""
        return self.parts[0].epoch

    @property
    def batch(self) -> int:
        """Steps done of the epoch after."""
        return self.parts[0].batch

    def count_step(self) -> None:
        """A step is done."""
        for part in self.parts:
            part.batch += 1

    def is_finite(self) -> bool:
        """Return whether losses and weights are numbers."""
        return all(part.is_finite() for part in self.parts)

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state as tensors and plain values."""
        return {
            "epoch": self.epoch,
            "channels": [list(_net(part).channels) for part in self.parts],
            "parts": [part.checkpoint() for part in self.parts],
            "masks": [None if pruner is None else pruner.state() for pruner in self.pruners],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what ``checkpoint`` returned."""
        for part, told in zip(self.parts, saved["parts"], strict=True):
            part.restore(told)
        for pruner, masks in zip(self.pruners, saved["masks"], strict=True):
            if pruner is not None:
                pruner.restore(masks)


def fit_jointly(
    state: JointState,
    data: TrainingData,
    phase: JointPhase,
    *,
    fabric: Fabric,
    seed: int,
    watcher: Watcher,
) -> None:
    """Train ``state`` in place from its step to the phase's last, then settle the batch-norms.

    Raises:
        ConfigError: a loss is no longer a number.
    """
    steps = _Steps(state, data, phase, fabric)
    while state.epoch < phase.epochs:
        steps.run_epoch(derive_seed(seed, state.epoch), watcher)
        steps.close_epoch()
        watcher.after_epoch(state)
    for part in state.parts:
        settle(part.network, data.train)
        part.network.eval()


class _Steps:
    """Runs the steps of an epoch."""

    def __init__(
        self, state: JointState, data: TrainingData, phase: JointPhase, fabric: Fabric
    ) -> None:
        self._state, self._data, self._phase, self._fabric = state, data, phase, fabric
        self._batches = max(1, len(data.train) // phase.joint.batch_size)
        self._layout = layout_of(data.train)
        self._wrapped: list[Any] = []
        for part in state.parts:
            if fabric.world_size > 1:
                synchronise(part.network)
            lay_out(part.network, self._layout)
            self._wrapped.append(fabric.setup(part.network, part.optimiser))
            part.summed = part.summed.to(fabric.device)

    def run_epoch(self, seed: int, watcher: Watcher) -> None:
        """Do the steps of the epoch that are left."""
        state, size = self._state, self._phase.joint.batch_size
        order = state.parts[0].begin_epoch(seed, len(self._data.train), self._fabric.device)
        for part in state.parts:
            part.network.train()
        while state.batch < self._batches:
            self._prune()
            self._set_rates()
            begin = state.batch * size
            self._step(even(order[begin : begin + size], self._fabric.world_size))
            state.count_step()
            watcher.after_step(state)
        if state.epoch == self._phase.epochs - 1:
            self._prune(last=True)

    def close_epoch(self) -> None:
        """Validate each network, and count the epoch."""
        for part, settings in zip(self._state.parts, self._phase.settings, strict=True):
            mean = self._fabric.all_reduce(part.summed / max(1, part.batch), reduce_op="mean")
            assert isinstance(mean, Tensor)
            check_loss(float(mean), part, settings, self._fabric)
            part.end_epoch(
                float(mean), accuracy(part.network, self._data.validation, self._fabric), None
            )

    def _step(self, chosen: Tensor) -> None:
        joint, draw = self._phase.joint, self._state.parts[0].draw
        assert draw is not None
        codes = augment(
            self._data.train.take(chosen),
            draw,
            max_shift=joint.max_shift,
            flip=joint.flip,
            cutout=joint.cutout,
        )
        mine = slice(self._fabric.global_rank, None, self._fabric.world_size)
        codes = codes[mine].clone(memory_format=self._layout)
        labels = self._data.train.labels[chosen[mine]]
        teacher: Tensor | None = None
        # The last stage first: it teaches.
        for number in reversed(range(len(self._wrapped))):
            model, optimiser = self._wrapped[number]
            part, settings = self._state.parts[number], self._phase.settings[number]
            logits = model(codes) * settings.logit_scale
            loss = nn.functional.cross_entropy(
                logits, labels, label_smoothing=settings.training.label_smoothing
            )
            if teacher is not None or not self._phase.last:
                loss = joint.cross_entropy * loss
            if teacher is not None and joint.distillation.weight:
                loss = loss + distillation(logits, teacher, joint.distillation)
            optimiser.zero_grad(set_to_none=True)
            self._fabric.backward(loss)
            optimiser.step()
            part.summed += loss.detach()
            teacher = logits.detach() if teacher is None else teacher

    def _prune(self, *, last: bool = False) -> None:
        if not self._phase.prunes or (not last and self._state.batch % _PRUNE_EVERY):
            return
        steps = self._phase.epochs * self._batches
        done = self._state.epoch * self._batches + self._state.batch
        for pruner in self._state.pruners:
            if pruner is not None:
                pruner.update(share_removed(done / steps))

    def _set_rates(self) -> None:
        phase, state = self._phase, self._state
        for part, settings in zip(state.parts, phase.settings, strict=True):
            now = rate(
                CosineSchedule(),
                lr=settings.lr,
                step=(phase.before + state.epoch) * self._batches + state.batch,
                steps=phase.joint.epochs * self._batches,
                span=phase.joint.epochs,
            )
            for group in part.optimiser.param_groups:
                group["lr"] = now


def distillation(logits: Tensor, teacher: Tensor, told: Distillation) -> Tensor:
    """Return b · T² · KL(softmax(t / T) || softmax(z / T)), a scalar, the mean over frames.

    ``logits``: z (N, classes); ``teacher``: t, the same of the last stage, without gradient. Hinton
    et al. 2015, section 2.
    """
    soft = nn.functional.log_softmax(logits.float() / told.temperature, dim=1)
    wanted = nn.functional.log_softmax(teacher.float() / told.temperature, dim=1)
    divergence = nn.functional.kl_div(soft, wanted, reduction="batchmean", log_target=True)
    return told.weight * told.temperature**2 * divergence
