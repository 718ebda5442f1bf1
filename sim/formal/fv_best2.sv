// SPDX-License-Identifier: BSD-3-Clause
// Reference for hwf_top2: label, best and second best of the classes in `mask_i`, by the definition.
//
// Values have one bit more than a score; the lowest stands for "no score".
`default_nettype none

module fv_best2 #(
    parameter int unsigned Classes = 3,
    parameter int unsigned ScoreBits = 3,
    localparam int unsigned Wide = ScoreBits + 1
) (
    input wire logic [Classes*ScoreBits-1:0] scores_i,
    input wire logic [Classes-1:0] mask_i,
    output logic [11:0] label_o,
    output logic signed [Wide-1:0] best_o,
    output logic signed [Wide-1:0] second_o
);

  localparam logic [Wide-1:0] NONE = {1'b1, {ScoreBits{1'b0}}};

  logic signed [Wide-1:0] score;
  always_comb begin
    best_o = NONE;
    label_o = '0;
    score = NONE;
    for (int unsigned c = 0; c < Classes; c++) begin
      score = {scores_i[c*ScoreBits+ScoreBits-1], scores_i[c*ScoreBits+:ScoreBits]};
      if (mask_i[c] && score > best_o) begin
        best_o  = score;
        label_o = 12'(c);
      end
    end
    second_o = NONE;
    for (int unsigned c = 0; c < Classes; c++) begin
      score = {scores_i[c*ScoreBits+ScoreBits-1], scores_i[c*ScoreBits+:ScoreBits]};
      if (mask_i[c] && 12'(c) != label_o && score > second_o) second_o = score;
    end
  end

endmodule

`default_nettype wire
