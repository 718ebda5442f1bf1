// SPDX-License-Identifier: BSD-3-Clause
// Where `fair_o`, which the solver chooses once, `event_i` comes at least once in every `Every`
// clocks: a fair sink, or a fair stage. Else it may stay away for ever.
//
// `since_o`: clocks since it came last, below `Every` if fair.
`default_nettype none

module fv_fair #(
    parameter  int unsigned Every = 2,
    localparam int unsigned Bits  = $clog2(Every + 1)
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic event_i,
    output logic fair_o,
    output logic [Bits-1:0] since_o
);

  (* anyconst *)logic fair;
  assign fair_o = fair;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n || event_i) since_o <= '0;
    else since_o <= since_o + 1'b1;
    if (ap_rst_n && fair) begin
      assume (event_i || since_o < Bits'(Every - 1));
      h_since : assert (since_o < Bits'(Every));
    end
  end

endmodule

`default_nettype wire
