// SPDX-License-Identifier: BSD-3-Clause
// Sum of `Count` numbers of `Bits` bits, number 0 lowest, unsigned or (Signed) two's complement.
//
// A balanced binary tree with a register behind every level.
// Latency: ceil(log2(Count)) enabled clocks; none for one number. Throughput: one sum per enabled
// clock. `en_i` freezes the tree; there is no handshake and no reset.
`default_nettype none

module hwf_adder_tree #(
    parameter int unsigned Count = 4,
    parameter int unsigned Bits = 3,
    parameter bit Signed = 1'b0,
    localparam int unsigned SumBits = Bits + $clog2(Count)
) (
    input  wire logic                  clk_i,
    input  wire logic                  en_i,
    input  wire logic [Count*Bits-1:0] numbers_i,
    output      logic [   SumBits-1:0] sum_o
);

  localparam int unsigned LEVELS = $clog2(Count);
  localparam int unsigned LEAVES = 1 << LEVELS;

  if (Count < 1 || Bits < 1) begin : gen_check
    $fatal(1, "hwf_adder_tree: Count and Bits must be at least 1");
  end

  // Node 1 is the root, node i adds 2i and 2i + 1, the last ones are the numbers. A node's sum lies
  // at i × SumBits and reads as 0 above its own width.
  logic [2*LEAVES*SumBits-1:0] sums;
  assign sums[SumBits-1:0] = '0;
  for (genvar i = 1; i < 2 * LEAVES; i++) begin : gen_node
    localparam int unsigned DEPTH = $clog2(i + 1) - 1;  // 0 at the root
    localparam int unsigned FIRST = (i << (LEVELS - DEPTH)) - LEAVES;  // its first number
    localparam int unsigned WIDE = Bits + LEVELS - DEPTH;
    if (FIRST >= Count) begin : gen_empty
      assign sums[i*SumBits+:SumBits] = '0;
    end else if (i >= LEAVES) begin : gen_leaf
      assign sums[i*SumBits+:SumBits] = SumBits'(numbers_i[FIRST*Bits+:Bits]);
    end else begin : gen_add
      logic [WIDE-2:0] a, b;
      logic [WIDE-1:0] sum_q;
      assign a = sums[2*i*SumBits+:WIDE-1];
      assign b = sums[(2*i+1)*SumBits+:WIDE-1];
      always_ff @(posedge clk_i) begin
        if (en_i) sum_q <= {Signed && a[WIDE-2], a} + {Signed && b[WIDE-2], b};
      end
      assign sums[i*SumBits+:SumBits] = SumBits'(sum_q);
    end
  end

  assign sum_o = sums[SumBits+:SumBits];

  // One number is passed on without a clock.
  logic unused;
  assign unused = &{clk_i, en_i, sums};

endmodule

`default_nettype wire
