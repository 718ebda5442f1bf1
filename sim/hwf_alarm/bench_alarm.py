"""hwf_alarm: fires with the window's last decision iff too many were unsure, as in the model."""

from __future__ import annotations

import cocotb
import numpy as np
from bench import Bench, parameters
from cocotb.triggers import RisingEdge
from streams import PATTERNS

from hwflow.cascade.controller import alarms

MOST = (1 << parameters()["CountBits"]) - 1
WINDOWS = sorted({0, 1, 2, 5, min(7, MOST), min(40, MOST)})


class Alarm:
    """One hwf_alarm and, clock by clock, what went in and came out."""

    def __init__(self, dut, *, name):
        self.dut = dut
        self.bench = Bench(dut, name=name)
        for signal in (dut.decided_i, dut.wished_i, dut.window_i, dut.limit_i):
            signal.value = 0

    async def run(self, clocks):
        """Apply (window, limit, decided, wished) of each clock; return alarm_o of the one after."""
        dut, fired = self.dut, []
        for window, limit, decided, wished in [*clocks, (0, 0, 0, 0)]:
            dut.window_i.value, dut.limit_i.value = window, limit
            dut.decided_i.value, dut.wished_i.value = int(decided), int(wished)
            await RisingEdge(dut.ap_clk)
            fired.append(bool(int(dut.alarm_o.value)))
        return fired[1:]


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, window=WINDOWS, excess=(-1, 0, 1))
async def fires_as_the_model_says(dut, idle, window, excess):
    """``excess``: where the limit lies beside the mean of what windows hold."""
    alarm = Alarm(dut, name=f"alarm-{idle}-{window}-{excess}")
    await alarm.bench.start()
    rng = alarm.bench.rng
    limit = max(0, min(MOST, window // 2 + excess))
    pause = alarm.bench.pauses(idle)
    decided = [not next(pause) for _ in range(600)]
    # A wish without decision counts nothing.
    wished = [rng.random() < 0.5 for _ in decided]
    fired = await alarm.run([(window, limit, *row) for row in zip(decided, wished, strict=True)])
    wishes = np.array([w for d, w in zip(decided, wished, strict=True) if d], dtype=np.bool_)
    model = iter(alarms(wishes, window=window, limit=limit))
    expected = [bool(next(model)) if d else False for d in decided]
    wrong = [clock for clock in range(len(fired)) if fired[clock] != expected[clock]]
    assert not wrong, f"clocks {wrong[:5]}: window {window}, limit {limit}"
    assert not any(fired) or limit < window
    assert any(fired) or excess == 1 or window == 0


@cocotb.test()
@cocotb.parametrize(limit=(-1, 0))
async def full_counters(dut, limit):
    """The widest window, all unsure: fires at a limit of one below it, not at itself."""
    alarm = Alarm(dut, name=f"alarm-full-{limit}")
    await alarm.bench.start()
    window = min(MOST, 300)
    fired = await alarm.run([(window, window + limit, True, True)] * (2 * window + 1))
    assert [clock for clock, is_fired in enumerate(fired) if is_fired] == (
        [window - 1, 2 * window - 1] if limit else []
    )


@cocotb.test()
@cocotb.parametrize(run=range(4))
async def numbers_change_at_any_time(dut, run):
    """A window in progress ends by the new numbers; 0 forgets it."""
    alarm = Alarm(dut, name=f"alarm-change-{run}")
    await alarm.bench.start()
    rng = alarm.bench.rng
    window, limit, clocks, expected = 5, 2, [], []
    seen = unsure = 0
    for _ in range(800):
        if rng.random() < 0.05:
            window, limit = rng.choice(WINDOWS), rng.randrange(4)
        decided, wished = rng.random() < 0.6, rng.random() < 0.5
        clocks.append((window, limit, decided, wished))
        fires = False
        if window == 0:
            seen = unsure = 0
        elif decided:
            seen, unsure = seen + 1, unsure + wished
            if seen >= window:
                fires = unsure > limit
                seen = unsure = 0
        expected.append(fires)
    fired = await alarm.run(clocks)
    assert fired == expected
    assert any(fired)


@cocotb.test()
async def reset_starts_a_new_window(dut):
    alarm = Alarm(dut, name="alarm-reset")
    await alarm.bench.start()
    assert not any(await alarm.run([(3, 0, True, True)] * 2))
    await alarm.bench.reset()
    assert await alarm.run([(3, 0, True, True)] * 3) == [False, False, True]
