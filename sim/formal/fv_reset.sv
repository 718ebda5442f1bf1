// SPDX-License-Identifier: BSD-3-Clause
// Assumes a reset in the first clock; later resets come whenever the solver likes.
`default_nettype none

module fv_reset (
    input wire logic ap_clk,
    input wire logic ap_rst_n
);

  logic started_q = 1'b0;
  always_ff @(posedge ap_clk) begin
    started_q <= 1'b1;
    if (!started_q) assume (!ap_rst_n);
  end

endmodule

`default_nettype wire
