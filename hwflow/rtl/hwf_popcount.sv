// SPDX-License-Identifier: BSD-3-Clause
// Number of ones in a word, as a balanced adder tree with a register behind every level.
//
// The first level counts triples: with an XNOR in front of it (`hwf_xnor_mvau`) each of its two
// output bits is a function of six signals, one LUT6, so that XNOR and first level together cost
// 2/3 LUT a lane on 7-series.
// Latency: 1 + ceil(log2(ceil(Width / 3))) enabled clocks (`Latency` must say so: it is checked).
// Throughput: one word per enabled clock. `en_i` freezes the whole tree; there is no handshake
// and no reset, validity travels beside the tree in the instantiating module.
`default_nettype none

module hwf_popcount #(
    parameter int unsigned Width = 8,
    parameter int unsigned Latency = 3,
    localparam int unsigned CountBits = $clog2(Width + 1)
) (
    input  wire logic                 clk_i,
    input  wire logic                 en_i,
    input  wire logic [    Width-1:0] bits_i,
    output      logic [CountBits-1:0] count_o
);

  localparam int unsigned TRIPLES = (Width + 2) / 3;
  localparam int unsigned LEVELS = $clog2(TRIPLES);
  // Leaves of the binary tree; those beyond TRIPLES hold constant zero and are swept away.
  localparam int unsigned LEAVES = 1 << LEVELS;
  localparam int unsigned SUM_BITS = 2 + LEVELS;

  if (Width < 1) begin : gen_check_width
    $fatal(1, "hwf_popcount: Width must be at least 1");
  end
  if (Latency != 1 + LEVELS) begin : gen_check_latency
    $fatal(1, "hwf_popcount: Latency must be 1 + ceil(log2(ceil(Width / 3)))");
  end

  // Heap order: node 1 is the root, node i adds nodes 2i and 2i + 1, the last LEAVES are leaves.
  logic [(2*LEAVES-1)*SUM_BITS-1:0] tree;

  logic [3*LEAVES-1:0] padded;
  always_comb begin
    padded = '0;
    padded[Width-1:0] = bits_i;
  end

  for (genvar k = 0; k < LEAVES; k++) begin : gen_triple
    wire a = padded[3*k];
    wire b = padded[3*k+1];
    wire c = padded[3*k+2];
    logic [1:0] pair_q;
    always_ff @(posedge clk_i) if (en_i) pair_q <= {(a & b) | (a & c) | (b & c), a ^ b ^ c};
    assign tree[(LEAVES+k-1)*SUM_BITS+:SUM_BITS] = SUM_BITS'(pair_q);
  end

  for (genvar i = 1; i < LEAVES; i++) begin : gen_add
    logic [SUM_BITS-1:0] sum_q;
    always_ff @(posedge clk_i) begin
      if (en_i) sum_q <= tree[(2*i-1)*SUM_BITS+:SUM_BITS] + tree[2*i*SUM_BITS+:SUM_BITS];
    end
    assign tree[(i-1)*SUM_BITS+:SUM_BITS] = sum_q;
  end

  // SUM_BITS can exceed CountBits by the padding; the value never does.
  if (SUM_BITS > CountBits) begin : gen_trim
    logic unused_high;
    assign unused_high = |tree[CountBits+:SUM_BITS-CountBits];
  end
  assign count_o = tree[0+:CountBits];

endmodule

`default_nettype wire
