// SPDX-License-Identifier: BSD-3-Clause
// Words of an hwf_fifo's memory of four, in the order in which they leave.
`default_nettype none

module fv_fifo_view #(
    parameter int unsigned Bits = 2
) (
    input wire logic [1:0] read_i,
    input wire logic [4*Bits-1:0] words_i,
    output logic [4*Bits-1:0] words_o
);

  for (genvar i = 0; i < 4; i++) begin : gen_word
    logic [1:0] place;
    assign place = read_i + 2'(i);
    assign words_o[i*Bits+:Bits] = words_i[place*Bits+:Bits];
  end

endmodule

`default_nettype wire
