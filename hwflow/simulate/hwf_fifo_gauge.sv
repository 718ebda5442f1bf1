// SPDX-License-Identifier: BSD-3-Clause
// Stands for a stage's FIFOs while their depths are looked for: its depth is an input, so that one
// compiled stage tries any, and it tells how many words it held at most. It keeps the clocks of
// `hwf_fifo`, or, where limit_i[31] is set, of `hwf_fifo_block`, and carries no data.
`default_nettype none

module hwf_fifo_gauge #(
    parameter int unsigned DataBits = 8
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input wire logic [31:0] limit_i,
    output     logic [31:0] peak_o,

    input  wire logic [DataBits-1:0] s_axis_tdata,
    input  wire logic                s_axis_tvalid,
    output      logic                s_axis_tready,

    output      logic [DataBits-1:0] m_axis_tdata,
    output      logic                m_axis_tvalid,
    input  wire logic                m_axis_tready
);

  // hwf_fifo shows a word as soon as it holds it; hwf_fifo_block fetches it first.
  logic [30:0] count_q;
  logic block, fetched_q, push, pop;
  logic unused_data;

  assign block = limit_i[31];
  assign s_axis_tready = count_q != limit_i[30:0];
  assign m_axis_tvalid = block ? fetched_q : count_q != '0;
  assign m_axis_tdata = '0;
  assign push = s_axis_tvalid && s_axis_tready;
  assign pop = m_axis_tvalid && m_axis_tready;
  assign unused_data = ^s_axis_tdata;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      count_q <= '0;
      fetched_q <= 1'b0;
      peak_o <= '0;
    end else begin
      count_q <= count_q + 31'(push) - 31'(pop);
      if (!fetched_q || pop) fetched_q <= count_q > 31'(fetched_q);
      if (peak_o < 32'(count_q)) peak_o <= 32'(count_q);
    end
  end

endmodule

`default_nettype wire
