// SPDX-License-Identifier: BSD-3-Clause
// Joins `Inputs` streams into one, round robin: whoever waits is served within `Inputs` beats.
//
// Latency: one clock. Throughput: one beat a clock. The output is a register, so that a beat once
// offered stays whatever else arrives; each input's `ready` is combinational in the output's
// `ready` and in the inputs' `valid`.
`default_nettype none

module hwf_merge #(
    parameter int unsigned Inputs = 2,
    parameter int unsigned DataBits = 8
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [Inputs*DataBits-1:0] s_axis_tdata,
    input  wire logic [         Inputs-1:0] s_axis_tvalid,
    output      logic [         Inputs-1:0] s_axis_tready,

    output      logic [DataBits-1:0] m_axis_tdata,
    output      logic                m_axis_tvalid,
    input  wire logic                m_axis_tready
);

  if (Inputs < 1) begin : gen_check_inputs
    $fatal(1, "hwf_merge: Inputs must be at least 1");
  end

  // Inputs after the one served last come first; x & -x keeps the lowest set bit.
  logic [Inputs-1:0] later_q, wanted, grant;
  logic en;
  assign en = !m_axis_tvalid || m_axis_tready;
  assign wanted = (s_axis_tvalid & later_q) != '0 ? s_axis_tvalid & later_q : s_axis_tvalid;
  assign grant = wanted & (~wanted + 1'b1);
  assign s_axis_tready = en ? grant : '0;

  logic [DataBits-1:0] chosen;
  always_comb begin
    chosen = '0;
    for (int unsigned i = 0; i < Inputs; i++) begin
      if (grant[i]) chosen = chosen | s_axis_tdata[i*DataBits+:DataBits];
    end
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      m_axis_tvalid <= 1'b0;
      later_q <= '0;
    end else if (en) begin
      m_axis_tvalid <= s_axis_tvalid != '0;
      // All bits above the granted one.
      if (s_axis_tvalid != '0) later_q <= ~(grant | (grant - 1'b1));
    end
    if (en) m_axis_tdata <= chosen;
  end

endmodule

`default_nettype wire
