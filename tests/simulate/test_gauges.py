"""Gauges beside FIFOs of both memories: the same handshakes in every clock, at depths that matter.

Branches of the FIFOs change at 1, 2, 32, 64 and 512 words; the FIFOs stand in one chain.
"""

from __future__ import annotations

import shutil
from importlib import resources

import numpy as np
import pytest

from hwflow.rtl.files import RTL_DIR
from hwflow.simulate.compile import Ports, Stream, compile_model
from hwflow.simulate.gauges import GAUGE_SOURCE
from hwflow.simulate.library import Pauses, Simulation

pytestmark = pytest.mark.sim

DEPTHS = (1, 2, 3, 4, 31, 32, 33, 63, 64, 65, 511, 512, 513)
CHAIN = [(module, depth) for module in ("hwf_fifo", "hwf_fifo_block") for depth in DEPTHS]
BITS = 17
WORDS = 20_000
BLOCK = 2**31
PORTS = Ports(top="chain", source=Stream("s", 3), sink=Stream("m", 3))
# Pauses of thousands of clocks fill and drain the whole chain.
PAUSES = (
    Pauses(),
    Pauses(0.3, 0.3, 5, 1),
    Pauses(0.0, 0.0005, 9000, 2),
    Pauses(0.0005, 0.0005, 9000, 3),
)


def link(index, module, depth):
    """Return a FIFO of the chain and the gauge that watches the same handshakes."""
    limit = depth + (BLOCK if module == "hwf_fifo_block" else 0)
    inside = f".s_axis_tdata(d[{index}]), .s_axis_tvalid(v[{index}])"
    return f"""
  logic ready_{index}, valid_{index}, seen_{index};
  {module} #(.DataBits({BITS}), .Depth({depth})) u_fifo_{index} (
    .ap_clk, .ap_rst_n, {inside}, .s_axis_tready(r[{index}]), .m_axis_tdata(d[{index + 1}]),
    .m_axis_tvalid(v[{index + 1}]), .m_axis_tready(r[{index + 1}]), .count_o());
  hwf_fifo_gauge #(.DataBits({BITS})) u_gauge_{index} (
    .ap_clk, .ap_rst_n, .limit_i(32'd{limit}), .peak_o(), {inside}, .s_axis_tready(ready_{index}),
    .m_axis_tdata(), .m_axis_tvalid(valid_{index}), .m_axis_tready(r[{index + 1}]));
  assign full[{index}] = seen_{index};
  always_ff @(posedge ap_clk) begin
    seen_{index} <= ap_rst_n && (seen_{index} || !r[{index}]);
    if (ap_rst_n && (ready_{index} != r[{index}] || valid_{index} != v[{index + 1}]))
      $fatal(1, "{module} of {depth} words and its gauge differ");
  end
"""


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    for name in ("hwf_fifo.sv", "hwf_fifo_block.sv"):
        shutil.copyfile(RTL_DIR / name, folder / name)
    with resources.as_file(resources.files("hwflow.simulate") / GAUGE_SOURCE) as source:
        shutil.copyfile(source, folder / GAUGE_SOURCE)
    count = len(CHAIN)
    links = "".join(link(index, *kind) for index, kind in enumerate(CHAIN))
    (folder / "chain.sv").write_text(f"""module chain (
  input ap_clk, input ap_rst_n,
  input [23:0] s_tdata, input s_tvalid, output s_tready,
  output [23:0] m_tdata, output m_tvalid, input m_tready
);
  logic [{BITS - 1}:0] d[{count + 1}];
  logic v[{count + 1}], r[{count + 1}];
  logic [{count - 1}:0] full;
  assign d[0] = s_tdata[{BITS - 1}:0];
  assign v[0] = s_tvalid;
  assign s_tready = r[0];
  // The output must stay as it is while it waits.
  logic flag_q;
  always_ff @(posedge ap_clk) if (!m_tvalid || m_tready) flag_q <= &full;
  assign m_tdata = {{flag_q, {23 - BITS}'d0, d[{count}]}};
  assign m_tvalid = v[{count}];
  assign r[{count}] = m_tready;
{links}
endmodule
""")
    sources = ("hwf_fifo.sv", "hwf_fifo_block.sv", GAUGE_SOURCE, "chain.sv")
    return compile_model(PORTS, sources=sources, folder=folder), folder


@pytest.mark.parametrize("pauses", PAUSES, ids=lambda pauses: f"longest{pauses.longest}")
def test_fifos_and_gauges_agree_in_every_clock(chain, pauses):
    library, folder = chain
    words = np.random.default_rng(0).integers(0, 1 << BITS, WORDS, dtype=np.uint32)
    data = words.view(np.uint8).reshape(-1, 4)[:, :3].copy()
    with Simulation(library, PORTS, folder=folder, random_state=1) as simulation:
        for count in (WORDS // 3, WORDS):  # the second run begins with a reset amid the words
            simulation.reset()
            simulation.pauses(pauses)
            simulation.load(data, np.zeros(WORDS, np.uint8))
            assert simulation.run(count, patience=20_000) == 0
            got = simulation.recording().data[:count].copy()
            every_fifo_was_full = got[-1, 2] & 0x80
            got[:, 2] &= 0x7F
            np.testing.assert_array_equal(got, data[:count])
        if pauses.stall and pauses.longest > sum(depth for _, depth in CHAIN):
            assert every_fifo_was_full
