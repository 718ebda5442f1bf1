"""What a step's optimiser does, by hand, and the random stream across a checkpoint."""

from __future__ import annotations

import pytest
import torch
from fitting import CPU, network, training
from torch import nn

from hwflow.nets.scales import LearnedScale
from hwflow.train.averaging import Average
from hwflow.train.state import FitState, Settings

pytestmark = pytest.mark.train

LR = 0.5


class Learned(nn.Module):
    """A weight and a learned scale."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([3.0]))
        self.scale = LearnedScale(
            2.0**-7, highest=127, power_of_two=False, damped=True, of_frames=False
        )


def stepped(gradients: list[float], **changes: object) -> Learned:
    """Return the module after steps of these gradients of the weight, and none of the scale."""
    told = training(lr=LR, **changes)
    net = Learned()
    state = FitState(net, Settings(training=told, epochs=3, lr=LR))
    for gradient in gradients:
        net.weight.grad = torch.tensor([gradient])
        net.scale.log_step.grad = torch.tensor(0.0)
        state.optimiser.step()
    return net


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_by_hand(nesterov):
    """torch's: v ← m·v + g; the step takes v, or g + m·v with Nesterov's."""
    momentum, weight, velocity = 0.75, 3.0, 0.0
    gradients = [1.0, -2.0, 0.5]
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        weight -= LR * (gradient + momentum * velocity if nesterov else velocity)
    optimiser = {"kind": "sgd", "momentum": momentum, "nesterov": nesterov}
    assert float(stepped(gradients, optimiser=optimiser).weight) == weight


@pytest.mark.parametrize("optimiser", [{"kind": "adamw"}, {"kind": "sgd", "momentum": 0.0}])
@pytest.mark.parametrize("decay", [0.0, 0.125])
def test_weights_decay_and_learned_scales_do_not(optimiser, decay):
    """Without a gradient, a step of either optimiser is the factor 1 - lr · decay."""
    net = stepped([0.0, 0.0], optimiser=optimiser, weight_decay=decay)
    assert float(net.weight) == 3.0 * (1 - LR * decay) ** 2
    assert float(net.scale.log_step) == -7.0


def test_the_average_takes_in_buffers():
    """After the first step the decay is 2/11, after the second 3/12."""
    norm = nn.BatchNorm1d(1)
    average = Average(norm, 0.9)
    for value in (11.0, 7.0):
        norm.running_mean.fill_(value)
        norm.weight.data.fill_(value)
        average.update()
    average.apply()
    first = 0.0 * 2 / 11 + 11.0 * 9 / 11
    assert float(norm.running_mean) == pytest.approx(first * 3 / 12 + 7.0 * 9 / 12)
    first = 1.0 * 2 / 11 + 11.0 * 9 / 11
    assert float(norm.weight) == pytest.approx(first * 3 / 12 + 7.0 * 9 / 12)
    assert int(norm.num_batches_tracked) == 0


def settings() -> Settings:
    return Settings(training=training(), epochs=3, lr=0.01)


def test_the_stream_goes_on_behind_a_checkpoint():
    state = FitState(network(), settings())
    order = state.begin_epoch(7, 20, CPU)
    assert state.draw is not None
    torch.rand(5, generator=state.draw)
    state.batch = 2
    saved = state.checkpoint()
    wanted = torch.rand(5, generator=state.draw)
    resumed = FitState(network(), settings())
    resumed.restore(saved)
    assert torch.equal(resumed.checkpoint()["draw"], saved["draw"])
    assert torch.equal(resumed.begin_epoch(7, 20, CPU), order)
    assert resumed.draw is not None
    assert torch.equal(torch.rand(5, generator=resumed.draw), wanted)


def test_the_state_of_a_gpus_generator_waits_for_its_device():
    """It is 16 bytes (seed and offset), which no generator of the CPU takes."""
    state = FitState(network(), settings())
    state.begin_epoch(7, 20, CPU)
    state.batch = 1
    theirs = torch.arange(16, dtype=torch.uint8)
    with pytest.raises(RuntimeError):
        torch.Generator().set_state(theirs)
    state.restore({**state.checkpoint(), "draw": theirs})
    assert torch.equal(state.checkpoint()["draw"], theirs)
