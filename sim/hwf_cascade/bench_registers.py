"""The register map: reset values, read-only and unmapped addresses, strobes, the clock counter."""

from __future__ import annotations

import cocotb
from bench import SLVERR
from cascade_bench import Cascade
from cocotb.triggers import ClockCycles, RisingEdge
from design import CONTROL, ENABLE, ORDER, REGISTERS, SHAPE, SHED, SOFT_RESET, N

from hwflow.rtl.registers import ID, VERSION

LIVE = {"cycles_low", "cycles_high"}


@cocotb.test()
async def registers(dut):
    cascade = Cascade(dut, name="registers")
    await cascade.start()
    access = cascade.registers
    mapped = {register.offset: register for register in REGISTERS.registers}
    for offset in range(0, 0x1000, 4):
        if offset not in mapped and offset > 0x200 and offset % 0x7C:
            continue
        register = mapped.get(offset)
        word, response = await access.read(offset)
        if register is None:
            assert (word, response) == (0, SLVERR), f"unmapped {offset:#x}: {word:#x}, {response}"
        elif register.name not in LIVE:
            wanted = register.reset | (register.name == "status")
            assert (word, response) == (wanted, 0), f"{register.name}: {word:#x}, {response}"
        if register is None or not register.writable:
            response = await access.write(offset, 0xFFFF_FFFF)
            assert response == SLVERR, f"write to {offset:#x}: response {response}"
            if register is not None and register.name not in LIVE:
                assert await cascade.read(register.name) == wanted, f"{register.name} overwritten"
    assert await cascade.read("id") == ID
    assert await cascade.read("version") == VERSION
    assert await cascade.read("build_id") == SHAPE.build_id
    assert await cascade.read("reorder_frames") == SHAPE.reorder_frames


@cocotb.test()
async def strobes_and_unclaimed_bits(dut):
    cascade = Cascade(dut, name="strobes")
    await cascade.start()
    access = cascade.registers
    if N > 1:
        offset = REGISTERS["threshold_0"].offset
        await cascade.write("threshold_0", 0xA1B2_C3D4)
        assert await access.write(offset + 1, 0x55, size=1) == 0
        assert await cascade.read("threshold_0") == 0xA1B2_55D4
        assert await access.write(offset + 2, 0x7788, size=2) == 0
        assert await cascade.read("threshold_0") == 0x7788_55D4
    # Bits that nobody claims stay 0; so does order where there is no store.
    claimed = SHED | (ORDER if SHAPE.reorder_frames else 0)
    assert await access.write(CONTROL, 0xFFFF_FF00 | ENABLE) == 0
    assert await cascade.read("control") == ENABLE | claimed
    for name, bits in (("alarm_window", 16), ("alarm_limit", 16), ("irq_enable", 3)):
        await cascade.write(name, 0xFFFF_FFFF)
        assert await cascade.read(name) == (1 << bits) - 1, name
    # Writing 1 to a sticky bit sets nothing.
    await cascade.write("irq_status", 0xFFFF_FFFF)
    assert await cascade.read("irq_status") == 0


@cocotb.test()
async def soft_reset_needs_its_strobe(dut):
    """A 1 in bit soft_reset does nothing unless its byte is strobed."""
    cascade = Cascade(dut, name="soft-reset-strobe")
    await cascade.start()
    for strobes, resets in ((0b1110, 0), (0b0000, 0), (0b0001, 1)):
        answer = await cascade.registers.write_strobed(CONTROL, ENABLE | SOFT_RESET, strobes)
        assert answer == 0
        await ClockCycles(dut.ap_clk, 20)
        seen = len(cascade.watch.resets)
        assert seen == resets, f"{seen} soft resets after strobes {strobes:04b}"


@cocotb.test()
async def clock_counter(dut):
    """Two reads of the 64-bit counter differ by the clocks between them."""
    cascade = Cascade(dut, name="clock")
    await cascade.start()
    reads = []

    async def watch():
        while True:
            await RisingEdge(dut.ap_clk)
            if int(dut.s_axi_ctrl_arvalid.value) and int(dut.s_axi_ctrl_arready.value):
                reads.append(cascade.bench.cycle)

    cocotb.start_soon(watch())
    first = await cascade.read("cycles_low")
    assert await cascade.read("cycles_high") == 0
    await ClockCycles(dut.ap_clk, 333)
    dut.u_regs.timer_q.value = (7 << 32) | 0xFFFF_FFF0
    await RisingEdge(dut.ap_clk)
    await ClockCycles(dut.ap_clk, 40)
    second = await cascade.read("cycles_low")
    assert second < 1000, "the lower half did not wrap"
    assert await cascade.read("cycles_high") == 8
    third = await cascade.read("cycles_low")
    assert third - second == reads[4] - reads[2], f"{third - second} clocks, saw {reads}"
    assert first < 200


@cocotb.test()
async def upper_half_is_latched_with_the_lower(dut):
    """Whatever else is read meanwhile, cycles_high tells of the last read of cycles_low."""
    cascade = Cascade(dut, name="latch")
    await cascade.start()
    timer = dut.u_regs.timer_q
    timer.value = (7 << 32) | 0xFFFF_FF80
    await cascade.read("cycles_low")
    await cascade.bench.until(lambda: int(timer.value) >> 32 == 8, limit=200, what="upper half 8")
    for name in ("id", "frames_in", "cycles_high"):
        await cascade.read(name)
    high = await cascade.read("cycles_high")
    assert high == 7, f"cycles_high {high}: latched by a read of another register"
    await cascade.read("cycles_low")
    assert await cascade.read("cycles_high") == 8
