// SPDX-License-Identifier: BSD-3-Clause
// Dot product of `Lanes` small weights and activations in LUTs, pipelined, modulo 2^OutBits.
//
// Both operands come bit plane by bit plane: bit (plane × Lanes + lane). A weight is a two's
// complement integer of WeightBits, or (WeightBipolar) one bit v for 2v − 1; an activation is
// unsigned or (ActSigned) two's complement.
// Each pair of planes gives one bit per lane; the ones of equal weight 2^s are counted together
// (`hwf_popcount`), about 1.8 × WeightBits × ActBits LUTs a lane. Bits that count negatively are
// inverted, and −x is taken as ~x, so the sum is too large by an amount that the weights alone
// determine; the accumulator's initial value takes it back (`hwflow.dataflow.packing`).
// Latency: COUNT_LATENCY + LEVELS enabled clocks (`Latency` must say so: it is checked).
// Throughput: one vector per enabled clock; `en_i` freezes everything, validity travels outside.
`default_nettype none

module hwf_dot_lut #(
    parameter int unsigned Lanes = 4,
    parameter int unsigned WeightBits = 2,
    parameter bit WeightBipolar = 1'b0,
    parameter int unsigned ActBits = 2,
    parameter bit ActSigned = 1'b0,
    parameter int unsigned OutBits = 8,
    parameter int unsigned Latency = 4
) (
    input  wire logic                        clk_i,
    input  wire logic                        en_i,
    input  wire logic [WeightBits*Lanes-1:0] weight_i,
    input  wire logic [   ActBits*Lanes-1:0] act_i,
    output      logic [         OutBits-1:0] sum_o
);

  localparam int unsigned COLUMNS = WeightBits + ActBits - 1;
  localparam int unsigned MOST = (WeightBits < ActBits ? WeightBits : ActBits) * Lanes;
  localparam int unsigned COUNT_LATENCY =
      1 + $clog2((MOST + 5) / 6);
  localparam int unsigned LEVELS = $clog2(COLUMNS);
  localparam int unsigned LEAVES = 1 << LEVELS;

  if (WeightBipolar && WeightBits != 1) begin : gen_check_bipolar
    $fatal(1, "hwf_dot_lut: a bipolar weight has one bit");
  end
  if (Latency != COUNT_LATENCY + LEVELS) begin : gen_check_latency
    $fatal(1, "hwf_dot_lut: Latency is not that of the widest count and the tree");
  end

  // Pairs of planes (j of the weight, s − j of the activation) whose product has the weight 2^s.
  function automatic int unsigned pairs(input int unsigned s);
    int unsigned last_j, first_j;
    last_j  = s < WeightBits ? s : WeightBits - 1;
    first_j = s < ActBits ? 0 : s - ActBits + 1;
    pairs   = s < COLUMNS ? last_j + 1 - first_j : 0;
  endfunction

  // Bits of the largest Σ 2^(s − first) × ones of column s, over `span` columns from `first`.
  function automatic int unsigned sum_bits(input int unsigned first, input int unsigned span);
    int unsigned largest, k;
    largest = 0;
    for (k = 0; k < span; k = k + 1) begin
      largest = largest + (pairs(first + k) * Lanes << k);
    end
    sum_bits = largest > 0 ? $clog2(largest + 1) : 1;
  endfunction

  // Node 1 is the root, node i joins 2i (lower weights) and 2i + 1, the last ones are the columns.
  // A node's sum lies at i × STRIDE and reads as 0 above its own width.
  localparam int unsigned STRIDE = sum_bits(0, LEAVES);
  logic [2*LEAVES*STRIDE-1:0] sums;
  assign sums[STRIDE-1:0] = '0;
  for (genvar i = 1; i < 2 * LEAVES; i++) begin : gen_node
    localparam int unsigned DEPTH = $clog2(i + 1) - 1;  // 0 at the root
    localparam int unsigned SPAN = LEAVES >> DEPTH;
    localparam int unsigned FIRST = i * SPAN - LEAVES;  // its first column
    localparam int unsigned BITS = sum_bits(FIRST, SPAN);

    if (FIRST >= COLUMNS) begin : gen_empty
      assign sums[i*STRIDE+:STRIDE] = '0;
    end else if (i >= LEAVES) begin : gen_column
      localparam int unsigned PAIRS = pairs(FIRST);
      localparam int unsigned FIRST_J = FIRST < ActBits ? 0 : FIRST - ActBits + 1;
      logic [PAIRS*Lanes-1:0] ones;
      for (genvar k = 0; k < PAIRS; k++) begin : gen_pair
        localparam int unsigned J = FIRST_J + k;
        localparam int unsigned A = FIRST - J;
        localparam bit NEGATIVE =
            (!WeightBipolar && J == WeightBits - 1) ^ (ActSigned && A == ActBits - 1);
        logic [Lanes-1:0] weight, act, product;
        assign weight = weight_i[J*Lanes+:Lanes];
        assign act = act_i[A*Lanes+:Lanes];
        assign product = WeightBipolar ? ~(weight ^ act) : weight & act;
        assign ones[k*Lanes+:Lanes] = NEGATIVE ? ~product : product;
      end
      logic [BITS-1:0] count;
      hwf_popcount #(
          .Width  (PAIRS * Lanes),
          .Latency(COUNT_LATENCY)
      ) u_popcount (
          .clk_i  (clk_i),
          .en_i   (en_i),
          .bits_i (ones),
          .count_o(count)
      );
      assign sums[i*STRIDE+:STRIDE] = STRIDE'(count);
    end else begin : gen_join
      localparam int unsigned HALF = SPAN / 2;
      localparam int unsigned LOW_BITS = sum_bits(FIRST, HALF);
      localparam int unsigned HIGH_BITS = sum_bits(FIRST + HALF, HALF);
      logic [LOW_BITS-1:0] low;
      logic [HIGH_BITS-1:0] high;
      logic [BITS-1:0] joined, sum_q;
      assign low = sums[2*i*STRIDE+:LOW_BITS];
      assign high = sums[(2*i+1)*STRIDE+:HIGH_BITS];
      if (LOW_BITS <= HALF) begin : gen_beside
        assign joined = BITS'({high, HALF'(low)});
      end else begin : gen_add
        // The lowest bits of the lower half meet no other.
        assign joined[HALF-1:0] = low[HALF-1:0];
        assign joined[BITS-1:HALF] = (BITS-HALF)'(low[LOW_BITS-1:HALF]) + (BITS-HALF)'(high);
      end
      always_ff @(posedge clk_i) if (en_i) sum_q <= joined;
      assign sums[i*STRIDE+:STRIDE] = STRIDE'(sum_q);
    end
  end

  assign sum_o = OutBits'(sums[STRIDE+:STRIDE]);

  logic unused_above;
  assign unused_above = &sums;

endmodule

`default_nettype wire
