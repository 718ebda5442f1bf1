// SPDX-License-Identifier: BSD-3-Clause
// Gives every beat to two consumers, each at its own pace; the beat leaves when both have it.
//
// Latency: none. Throughput: one beat a clock. Neither output's `valid` depends on a `ready`; the
// input's `ready` is combinational in both outputs' `ready`.
`default_nettype none

module hwf_fork #(
    parameter int unsigned DataBits = 8
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [DataBits-1:0] s_axis_tdata,
    input  wire logic                s_axis_tvalid,
    output      logic                s_axis_tready,

    output      logic [DataBits-1:0] m_axis_0_tdata,
    output      logic                m_axis_0_tvalid,
    input  wire logic                m_axis_0_tready,

    output      logic [DataBits-1:0] m_axis_1_tdata,
    output      logic                m_axis_1_tvalid,
    input  wire logic                m_axis_1_tready
);

  logic [1:0] done_q;  // this consumer already has the beat that still waits for the other
  logic [1:0] done;

  assign done = done_q | {m_axis_1_tready, m_axis_0_tready};
  assign s_axis_tready = &done;
  assign m_axis_0_tvalid = s_axis_tvalid && !done_q[0];
  assign m_axis_1_tvalid = s_axis_tvalid && !done_q[1];
  assign m_axis_0_tdata = s_axis_tdata;
  assign m_axis_1_tdata = s_axis_tdata;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n || s_axis_tready) done_q <= '0;
    else if (s_axis_tvalid) done_q <= done;
  end

endmodule

`default_nettype wire
