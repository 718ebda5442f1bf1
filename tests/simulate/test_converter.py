"""FINN's width converter with our edits: every bit in order, at full rate, whatever the widths."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from hwflow.dataflow.rtllib import copy_library
from hwflow.simulate.compile import Ports, Stream, compile_model
from hwflow.simulate.library import Pauses, Simulation

pytestmark = [pytest.mark.sim, pytest.mark.finn]

# Bits in and out: narrower by 2, 3 and 8, wider by 3 and 16, and neither divides the other.
DIVIDING = [(8, 4), (12, 4), (64, 8), (4, 12), (1, 16), (8, 64)]
OTHERS = [(6, 4), (4, 6), (9, 16), (24, 16), (5, 7), (10, 4), (15, 2), (2, 15), (72, 128), (17, 16)]
WIDTHS = DIVIDING + OTHERS
WORDS = 4  # least common multiples of bits per frame
FRAMES = 12


def to_bytes(bits, width):
    """Return ``bits`` as beats (n, bytes) of ``width`` bits each, padded to whole bytes."""
    beats = bits.reshape(-1, width)
    padded = np.pad(beats, ((0, 0), (0, -width % 8)))
    return np.packbits(padded, axis=1, bitorder="little")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    finn = Path(find_spec("finn").submodule_search_locations[0]) / "finn-rtllib"
    target = tmp_path_factory.mktemp("rtllib") / "copy"
    copy_library(finn, target)
    return target / "dwc" / "hdl"


def compiled(library, folder, in_bits, out_bits):
    """Return the converter, compiled in ``folder``, and its ports."""
    ports = Ports(
        top="converter",
        source=Stream("s_axis", -(-in_bits // 8)),
        sink=Stream("m_axis", -(-out_bits // 8)),
    )
    for name in ("dwc_axi.sv", "vpc.sv"):
        (folder / name).write_text((library / name).read_text())
    (folder / "converter.sv").write_text(
        f"""module converter (
  input ap_clk, input ap_rst_n,
  input [{8 * ports.source.bytes - 1}:0] s_axis_tdata, input s_axis_tvalid, output s_axis_tready,
  output [{8 * ports.sink.bytes - 1}:0] m_axis_tdata, output m_axis_tvalid, input m_axis_tready
);
  dwc_axi #(.IBITS({in_bits}), .OBITS({out_bits})) u_converter (.*);
endmodule
"""
    )
    sources = ("vpc.sv", "dwc_axi.sv", "converter.sv")
    return compile_model(ports, sources=sources, folder=folder), ports


@pytest.mark.parametrize(("in_bits", "out_bits"), WIDTHS)
def test_bits_stay_in_order(library, tmp_path, in_bits, out_bits):
    made, ports = compiled(library, tmp_path, in_bits, out_bits)
    random = np.random.default_rng(3)
    for pauses in (
        Pauses(),
        Pauses(0.4, 0.0, 3, 1),
        Pauses(0.0, 0.4, 4, 2),
        Pauses(0.5, 0.5, 5, 3),
    ):
        bits = random.integers(0, 2, FRAMES * WORDS * np.lcm(in_bits, out_bits), dtype=np.uint8)
        expected = to_bytes(bits, out_bits)
        with Simulation(made, ports, folder=tmp_path, random_state=7) as simulation:
            simulation.reset()
            simulation.pauses(pauses)
            data = to_bytes(bits, in_bits)
            simulation.load(data, np.zeros(len(data), np.uint8))
            assert simulation.run(len(expected), patience=200) == 0
            recording = simulation.recording()
            np.testing.assert_array_equal(recording.data, expected)
            if pauses == Pauses():
                busier = max(len(data), len(expected))
                assert int(recording.cycle[-1] - recording.cycle[0]) <= busier + 4


@pytest.mark.parametrize(("in_bits", "out_bits"), [(8, 4), (4, 12), (6, 4), (9, 16)])
def test_a_reset_forgets_half_a_word(library, tmp_path, in_bits, out_bits):
    made, ports = compiled(library, tmp_path, in_bits, out_bits)
    random = np.random.default_rng(5)
    common = int(np.lcm(in_bits, out_bits))
    with Simulation(made, ports, folder=tmp_path, random_state=7) as simulation:
        for stop in range(1, 2 * common // out_bits):
            bits = random.integers(0, 2, WORDS * common, dtype=np.uint8)
            data, expected = to_bytes(bits, in_bits), to_bytes(bits, out_bits)
            simulation.reset()
            simulation.pauses(Pauses(0.3, 0.3, 3, stop))
            simulation.load(data, np.zeros(len(data), np.uint8))
            assert simulation.run(stop, patience=200) == 0
            simulation.reset()
            simulation.load(data, np.zeros(len(data), np.uint8))
            assert simulation.run(len(expected), patience=200) == 0
            np.testing.assert_array_equal(simulation.recording().data, expected)
