// SPDX-License-Identifier: BSD-3-Clause
// Assumes that `event_i` comes at least once in every `Every` clocks: a fair sink, or a fair stage.
//
// `since_o`: clocks since it came last, always below `Every`.
`default_nettype none

module fv_fair #(
    parameter  int unsigned Every = 2,
    localparam int unsigned Bits  = $clog2(Every + 1)
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic event_i,
    output logic [Bits-1:0] since_o
);

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n || event_i) since_o <= '0;
    else since_o <= since_o + 1'b1;
    if (ap_rst_n) begin
      assume (event_i || since_o < Bits'(Every - 1));
      h_since : assert (since_o < Bits'(Every));
    end
  end

endmodule

`default_nettype wire
