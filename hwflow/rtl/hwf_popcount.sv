// SPDX-License-Identifier: BSD-3-Clause
// Number of ones in a word, as a pipelined compressor tree made for LUTs with carry chains.
//
// Level 1 compresses groups of six bits to three (6:3): three bits become a two-bit number in LUTs
// (3:2), and a carry chain adds two more bits, whose half adder fits the chain's own LUTs, and the
// sixth as its carry in. A two-input function in front of each bit, such as an XNOR, still fits
// every LUT, so that together they cost one LUT6 a bit on 7-series. An adder tree sums the groups.
// Latency: 1 + ceil(log2(ceil(Width / 6))) enabled clocks; a larger `Latency` delays the count, a
// smaller one is refused. Throughput: one word per enabled clock. `en_i` freezes the whole tree;
// there is no handshake and no reset, validity travels beside the tree in the instantiating module.
`default_nettype none

module hwf_popcount #(
    parameter int unsigned Width = 8,
    parameter int unsigned Latency = 2,
    localparam int unsigned CountBits = $clog2(Width + 1)
) (
    input  wire logic                 clk_i,
    input  wire logic                 en_i,
    input  wire logic [    Width-1:0] bits_i,
    output      logic [CountBits-1:0] count_o
);

  localparam int unsigned GROUPS = (Width + 5) / 6;
  localparam int unsigned LEVELS = 1 + $clog2(GROUPS);
  localparam int unsigned SUM_BITS = 3 + $clog2(GROUPS);

  if (Width < 1) begin : gen_check_width
    $fatal(1, "hwf_popcount: Width must be at least 1");
  end
  if (Latency < LEVELS) begin : gen_check_latency
    $fatal(1, "hwf_popcount: Latency is too small for Width");
  end

  // ---- Level 1: bit g of six words makes number g -----------------------------------------------
  logic [GROUPS-1:0] a, b, c, d, e, f;
  assign {f, e, d, c, b, a} = (6 * GROUPS)'(bits_i);

  logic [3*GROUPS-1:0] numbers;
  for (genvar g = 0; g < GROUPS; g++) begin : gen_group
    logic [1:0] three, two;
    logic [2:0] number_q;
    assign three = {(a[g] & b[g]) | (a[g] & c[g]) | (b[g] & c[g]), a[g] ^ b[g] ^ c[g]};
    assign two = {d[g] & e[g], d[g] ^ e[g]};
    logic [3:0] sum;
    assign sum = {1'b0, three, 1'b1} + {1'b0, two, f[g]};  // 1 + f: a carry if f is set
    always_ff @(posedge clk_i) if (en_i) number_q <= sum[3:1];
    assign numbers[3*g+:3] = number_q;
    logic unused_lowest;
    assign unused_lowest = sum[0];
  end

  // ---- The other levels -------------------------------------------------------------------------
  logic [SUM_BITS-1:0] sum;
  hwf_adder_tree #(
      .Count(GROUPS),
      .Bits (3)
  ) u_tree (
      .clk_i    (clk_i),
      .en_i     (en_i),
      .numbers_i(numbers),
      .sum_o    (sum)
  );

  // The tree has room for the padding too; the value never needs it.
  if (SUM_BITS > CountBits) begin : gen_trim
    logic unused_high;
    assign unused_high = |sum[SUM_BITS-1:CountBits];
  end

  if (Latency > LEVELS) begin : gen_delay
    localparam int unsigned MORE = Latency - LEVELS;
    logic [MORE*CountBits-1:0] delay_q;
    always_ff @(posedge clk_i) begin
      if (en_i) delay_q <= (delay_q << CountBits) | (MORE * CountBits)'(sum[CountBits-1:0]);
    end
    assign count_o = delay_q[(MORE-1)*CountBits+:CountBits];
  end else begin : gen_no_delay
    assign count_o = sum[CountBits-1:0];
  end

endmodule

`default_nettype wire
