// SPDX-License-Identifier: BSD-3-Clause
// Two-entry stream register that cuts every combinational path between its sides.
//
// Latency: one clock. Throughput: one beat a clock. Both `valid` and `ready` come from registers.
`default_nettype none

module hwf_skid #(
    parameter int unsigned DataBits = 8
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [DataBits-1:0] s_axis_tdata,
    input  wire logic                s_axis_tvalid,
    output      logic                s_axis_tready,

    output      logic [DataBits-1:0] m_axis_tdata,
    output      logic                m_axis_tvalid,
    input  wire logic                m_axis_tready
);

  // The spare entry takes the beat that was already accepted when the output stalled.
  logic spare_valid_q;
  logic [DataBits-1:0] spare_q;
  logic en;

  assign s_axis_tready = !spare_valid_q;
  assign en = !m_axis_tvalid || m_axis_tready;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      m_axis_tvalid <= 1'b0;
      spare_valid_q <= 1'b0;
    end else if (en) begin
      m_axis_tvalid <= spare_valid_q || s_axis_tvalid;
      spare_valid_q <= 1'b0;
    end else if (s_axis_tvalid) begin
      spare_valid_q <= 1'b1;
    end
    if (en) m_axis_tdata <= spare_valid_q ? spare_q : s_axis_tdata;
    if (s_axis_tready) spare_q <= s_axis_tdata;
  end

endmodule

`default_nettype wire
