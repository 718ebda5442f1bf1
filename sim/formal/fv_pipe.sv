// SPDX-License-Identifier: BSD-3-Clause
// Properties of a block that passes beats from one stream to another and offers each at once.
//
// A queue of `Depth` beats beside it (fv_queue), a stable output (fv_stable), and a sink that is,
// if fair, ready at least every `Every` clocks: then a beat leaves in every `Every` clocks.
`default_nettype none

module fv_pipe #(
    parameter int unsigned Bits = 4,
    parameter int unsigned Depth = 2,
    parameter int unsigned Every = 3,
    localparam int unsigned CountBits = $clog2(Depth + 1)
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic [Bits-1:0] in,
    input wire logic in_valid,
    input wire logic in_ready,
    input wire logic [Bits-1:0] out,
    input wire logic out_valid,
    input wire logic out_ready,
    output logic [CountBits-1:0] count_o,
    output logic [Depth*Bits-1:0] words_o
);

  fv_reset u_reset (.ap_clk, .ap_rst_n);

  fv_stable #(
      .Bits(Bits)
  ) u_out (
      .ap_clk,
      .ap_rst_n,
      .valid(out_valid),
      .ready(out_ready),
      .payload(out)
  );

  logic fair;
  logic [$clog2(Every + 1)-1:0] since;
  fv_fair #(
      .Every(Every)
  ) u_sink (
      .ap_clk,
      .ap_rst_n,
      .event_i(out_ready),
      .fair_o (fair),
      .since_o(since)
  );

  logic [$clog2((Depth + 1) * Every + 1)-1:0] idle;
  fv_queue #(
      .Bits(Bits),
      .Depth(Depth),
      .Within(Every)
  ) u_queue (
      .ap_clk,
      .ap_rst_n,
      .fair,
      .push(in_valid && in_ready),
      .push_data(in),
      .pop(out_valid && out_ready),
      .pop_data(out),
      .count_o,
      .words_o,
      .idle_o(idle)
  );

  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) begin
      if (fair) h_pace : assert (32'(idle) <= 32'(since));
      h_valid : assert (out_valid == (count_o != '0));
      if (out_valid) h_out : assert (out == words_o[Bits-1:0]);
    end
  end

endmodule

`default_nettype wire
