// SPDX-License-Identifier: BSD-3-Clause
// Stream rule: valid, once raised, holds with stable payload until ready; a reset ends it.
//
// Asserted of outputs (p_stable); with `Assume` it is assumed of inputs.
`default_nettype none

module fv_stable #(
    parameter int unsigned Bits = 4,
    parameter bit Assume = 1'b0
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic valid,
    input wire logic ready,
    input wire logic [Bits-1:0] payload
);

  logic waits_q = 1'b0;
  logic [Bits-1:0] payload_q;
  logic kept;
  assign kept = valid && payload == payload_q;

  always_ff @(posedge ap_clk) begin
    waits_q   <= ap_rst_n && valid && !ready;
    payload_q <= payload;
  end

  if (Assume) begin : gen_assume
    always_ff @(posedge ap_clk) if (ap_rst_n && waits_q) assume (kept);
  end else begin : gen_assert
    always_ff @(posedge ap_clk) if (ap_rst_n && waits_q) p_stable : assert (kept);
  end

endmodule

`default_nettype wire
