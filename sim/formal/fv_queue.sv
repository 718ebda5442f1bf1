// SPDX-License-Identifier: BSD-3-Clause
// Reference queue beside a block: what goes in leaves once, unchanged, in order and in time.
//
// p_order: what leaves is the oldest word inside (nothing lost, doubled, invented or overtaken).
// p_capacity: nothing goes in beyond `Depth` words, but for one that goes in as another leaves.
// p_progress: while a word is inside, one leaves in every `Within` clocks, if `fair`.
// p_response: no word stays longer than Depth × Within clocks; follows from p_progress.
// `words_o`: oldest lowest; those from `count_o` on are stale. `idle_o`: clocks since one left.
`default_nettype none

module fv_queue #(
    parameter int unsigned Bits = 4,
    parameter int unsigned Depth = 2,
    parameter int unsigned Within = 2,
    localparam int unsigned CountBits = $clog2(Depth + 1),
    localparam int unsigned AgeBits = $clog2(Depth * Within + Within + 1)
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic fair,  // whoever takes is
    input wire logic push,
    input wire logic [Bits-1:0] push_data,
    input wire logic pop,
    input wire logic [Bits-1:0] pop_data,
    output logic [CountBits-1:0] count_o,
    output logic [Depth*Bits-1:0] words_o,
    output logic [AgeBits-1:0] idle_o
);

  logic [Depth*AgeBits-1:0] ages_q;
  logic [Depth-1:0] in_time, on_pace;  // yosys takes no labels in generate loops

  for (genvar i = 0; i < Depth; i++) begin : gen_word
    localparam int unsigned BEHIND = i + 1 < Depth ? i + 1 : i;
    logic here;
    logic [AgeBits-1:0] age;
    // A new word takes the first place that is free after this clock's pop.
    assign here = push && count_o == CountBits'(i) + CountBits'(pop);
    assign age  = ages_q[i*AgeBits+:AgeBits];
    always_ff @(posedge ap_clk) begin
      if (here) begin
        words_o[i*Bits+:Bits] <= push_data;
        ages_q[i*AgeBits+:AgeBits] <= '0;
      end else if (pop) begin
        words_o[i*Bits+:Bits] <= words_o[BEHIND*Bits+:Bits];
        ages_q[i*AgeBits+:AgeBits] <= ages_q[BEHIND*AgeBits+:AgeBits] + 1'b1;
      end else begin
        ages_q[i*AgeBits+:AgeBits] <= age + 1'b1;
      end
    end
    assign in_time[i] = CountBits'(i) >= count_o || age < AgeBits'(Depth * Within);
    assign on_pace[i] = CountBits'(i) >= count_o
        || 32'(age) + (i + 1) * Within - 32'(idle_o) <= Depth * Within;
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) count_o <= '0;
    else count_o <= count_o + CountBits'(push) - CountBits'(pop);
    if (!ap_rst_n || pop || count_o == '0) idle_o <= '0;
    else idle_o <= idle_o + 1'b1;
    if (ap_rst_n) begin
      if (pop) p_order : assert (count_o != '0 && pop_data == words_o[Bits-1:0]);
      if (push) p_capacity : assert (count_o < CountBits'(Depth) || pop);
      if (fair) p_progress : assert (idle_o < AgeBits'(Within));
      if (fair) p_response : assert (&in_time);
      if (fair) h_age : assert (&on_pace);
      h_count : assert (count_o <= CountBits'(Depth));
      if (count_o == '0) h_idle : assert (idle_o == '0);
    end
  end

endmodule

`default_nettype wire
