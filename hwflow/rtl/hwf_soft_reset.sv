// SPDX-License-Identifier: BSD-3-Clause
// Holds `rst_n_o` low for `Cycles` clocks after each request, and as long as ap_rst_n is low.
//
// The length lets resets that a stage pipelines inside reach its last register. ap_rst_n goes
// through at once, so that what hangs on it is never in reset without what hangs on `rst_n_o`.
`default_nettype none

module hwf_soft_reset #(
    parameter int unsigned Cycles = 16
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic request_i,
    output      logic rst_n_o
);

  if (Cycles < 1) begin : gen_check_cycles
    $fatal(1, "hwf_soft_reset: Cycles must be at least 1");
  end

  localparam int unsigned COUNT_BITS = $clog2(Cycles + 1);

  logic [COUNT_BITS-1:0] left_q;
  logic released_q;
  assign rst_n_o = ap_rst_n && released_q;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n || request_i) begin
      left_q  <= COUNT_BITS'(Cycles - 1);
      released_q <= 1'b0;
    end else begin
      if (left_q != '0) left_q <= left_q - 1'b1;
      released_q <= left_q == '0;
    end
  end

endmodule

`default_nettype wire
