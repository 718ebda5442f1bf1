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
  // Leaves of the binary tree; those beyond TRIPLES are constant zero and are swept away.
  localparam int unsigned LEAVES = 1 << LEVELS;

  if (Width < 1) begin : gen_check_width
    $fatal(1, "hwf_popcount: Width must be at least 1");
  end
  if (Latency != 1 + LEVELS) begin : gen_check_latency
    $fatal(1, "hwf_popcount: Latency must be 1 + ceil(log2(ceil(Width / 3)))");
  end

  logic [3*LEAVES-1:0] padded;
  always_comb begin
    padded = '0;
    padded[Width-1:0] = bits_i;
  end

  // Heap order: node 1 is the root, node i adds nodes 2i and 2i + 1, the last LEAVES are leaves.
  for (genvar i = 2 * LEAVES - 1; i >= 1; i--) begin : gen_node
    localparam int unsigned DEPTH = $clog2(i + 1) - 1;  // 0 at the root
    localparam int unsigned FIRST_LEAF = (i << (LEVELS - DEPTH)) - LEAVES;
    localparam int unsigned BITS = 2 + LEVELS - DEPTH;
    logic [BITS-1:0] sum_q;

    if (i >= LEAVES && FIRST_LEAF >= TRIPLES) begin : gen_empty_leaf
      assign sum_q = '0;
    end else if (FIRST_LEAF >= TRIPLES) begin : gen_empty
      assign sum_q = BITS'(gen_node[2*i].sum_q) + BITS'(gen_node[2*i+1].sum_q);
    end else if (i >= LEAVES) begin : gen_triple
      wire a = padded[3*FIRST_LEAF];
      wire b = padded[3*FIRST_LEAF+1];
      wire c = padded[3*FIRST_LEAF+2];
      always_ff @(posedge clk_i) if (en_i) sum_q <= {(a & b) | (a & c) | (b & c), a ^ b ^ c};
    end else begin : gen_add
      always_ff @(posedge clk_i) begin
        if (en_i) sum_q <= BITS'(gen_node[2*i].sum_q) + BITS'(gen_node[2*i+1].sum_q);
      end
    end
  end

  // The root has room for the padding too; the value never needs it.
  if (2 + LEVELS > CountBits) begin : gen_trim
    logic unused_high;
    assign unused_high = |gen_node[1].sum_q[1+LEVELS:CountBits];
  end
  assign count_o = gen_node[1].sum_q[CountBits-1:0];

endmodule

`default_nettype wire
