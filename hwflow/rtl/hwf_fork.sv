// SPDX-License-Identifier: BSD-3-Clause
// Gives every beat to `Outputs` consumers, each at its own pace; it leaves when all have it.
//
// All outputs share `m_axis_tdata`; bit i of `m_axis_tvalid` and `m_axis_tready` is output i.
// Latency: none. Throughput: one beat a clock. No output's `valid` depends on a `ready`; the
// input's `ready` is combinational in all outputs' `ready`.
`default_nettype none

module hwf_fork #(
    parameter int unsigned DataBits = 8,
    parameter int unsigned Outputs = 2
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [DataBits-1:0] s_axis_tdata,
    input  wire logic                s_axis_tvalid,
    output      logic                s_axis_tready,

    output      logic [DataBits-1:0] m_axis_tdata,
    output      logic [ Outputs-1:0] m_axis_tvalid,
    input  wire logic [ Outputs-1:0] m_axis_tready
);

  if (Outputs < 1) begin : gen_check_outputs
    $fatal(1, "hwf_fork: no output");
  end

  logic [Outputs-1:0] done_q;  // this consumer already has the beat that still waits for others
  logic [Outputs-1:0] done;

  assign done = done_q | m_axis_tready;
  assign s_axis_tready = &done;
  assign m_axis_tvalid = {Outputs{s_axis_tvalid}} & ~done_q;
  assign m_axis_tdata = s_axis_tdata;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n || s_axis_tready) done_q <= '0;
    else if (s_axis_tvalid) done_q <= done;
  end

endmodule

`default_nettype wire
