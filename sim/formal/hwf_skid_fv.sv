// SPDX-License-Identifier: BSD-3-Clause
// hwf_skid is a queue of two beats.
`default_nettype none

module hwf_skid_fv #(
    parameter int unsigned DataBits = 4,
    parameter int unsigned Every = 3
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic [DataBits-1:0] in,
    input wire logic in_valid,
    input wire logic out_ready
);

  logic in_ready, out_valid;
  logic [DataBits-1:0] out;

  hwf_skid #(
      .DataBits(DataBits)
  ) u_dut (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata (in),
      .s_axis_tvalid(in_valid),
      .s_axis_tready(in_ready),
      .m_axis_tdata (out),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_ready)
  );

  logic [$clog2(2 + 1)-1:0] count;
  logic [2*DataBits-1:0] words;
  fv_pipe #(
      .Bits (DataBits),
      .Depth(2),
      .Every(Every)
  ) u_pipe (
      .ap_clk,
      .ap_rst_n,
      .in,
      .in_valid,
      .in_ready,
      .out,
      .out_valid,
      .out_ready,
      .count_o(count),
      .words_o(words)
  );

  (* hierconn *)logic \u_dut.spare_valid_q ;
  (* hierconn *)logic [DataBits-1:0] \u_dut.spare_q ;
  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) begin
      h_spare : assert (\u_dut.spare_valid_q == (count == 2'd2));
      if (count == 2'd2) h_second : assert (\u_dut.spare_q == words[2*DataBits-1:DataBits]);
    end
  end

endmodule

`default_nettype wire
