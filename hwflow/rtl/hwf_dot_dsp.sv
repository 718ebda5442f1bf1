// SPDX-License-Identifier: BSD-3-Clause
// Dot product of `Lanes` weights and activations: products in DSP blocks, then an adder tree.
//
// Operands as in `hwf_dot_lut`: bit planes, bit (plane × Lanes + lane); weights of two's
// complement or (WeightBipolar) bits v for 2v − 1, activations unsigned or two's complement. The
// sum is exact modulo 2^OutBits, two's complement, with nothing to take back.
// Latency: 1 + ceil(log2(Lanes)) enabled clocks (`Latency` must say so: it is checked).
// Throughput: one vector per enabled clock; `en_i` freezes everything, validity travels outside.
`default_nettype none

module hwf_dot_dsp #(
    parameter int unsigned Lanes = 4,
    parameter int unsigned WeightBits = 8,
    parameter bit WeightBipolar = 1'b0,
    parameter int unsigned ActBits = 8,
    parameter bit ActSigned = 1'b0,
    parameter int unsigned OutBits = 18,
    parameter int unsigned Latency = 3
) (
    input  wire logic                        clk_i,
    input  wire logic                        en_i,
    input  wire logic [WeightBits*Lanes-1:0] weight_i,
    input  wire logic [   ActBits*Lanes-1:0] act_i,
    output      logic [         OutBits-1:0] sum_o
);

  localparam int unsigned A_BITS = ActBits + (ActSigned ? 0 : 1);
  localparam int unsigned W_BITS = WeightBits + (WeightBipolar ? 1 : 0);
  localparam int unsigned PRODUCT_BITS = A_BITS + W_BITS;
  localparam int unsigned SUM_BITS = PRODUCT_BITS + $clog2(Lanes);

  if (WeightBipolar && WeightBits != 1) begin : gen_check_bipolar
    $fatal(1, "hwf_dot_dsp: a bipolar weight has one bit");
  end
  if (Latency != 1 + $clog2(Lanes)) begin : gen_check_latency
    $fatal(1, "hwf_dot_dsp: Latency must be 1 + ceil(log2(Lanes))");
  end

  logic [Lanes*PRODUCT_BITS-1:0] products;
  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    logic signed [W_BITS-1:0] weight;
    logic signed [A_BITS-1:0] act;
    if (WeightBipolar) begin : gen_sign
      assign weight = {!weight_i[l], 1'b1};
    end else begin : gen_weight
      for (genvar j = 0; j < WeightBits; j++) begin : gen_bit
        assign weight[j] = weight_i[j*Lanes+l];
      end
    end
    for (genvar a = 0; a < ActBits; a++) begin : gen_bit
      assign act[a] = act_i[a*Lanes+l];
    end
    if (!ActSigned) begin : gen_unsigned
      assign act[ActBits] = 1'b0;
    end
    (* use_dsp = "yes" *) logic signed [PRODUCT_BITS-1:0] product_q;
    always_ff @(posedge clk_i) begin
      if (en_i) product_q <= PRODUCT_BITS'(weight) * PRODUCT_BITS'(act);
    end
    assign products[l*PRODUCT_BITS+:PRODUCT_BITS] = product_q;
  end

  logic [SUM_BITS-1:0] sum;
  hwf_adder_tree #(
      .Count (Lanes),
      .Bits  (PRODUCT_BITS),
      .Signed(1'b1)
  ) u_tree (
      .clk_i    (clk_i),
      .en_i     (en_i),
      .numbers_i(products),
      .sum_o    (sum)
  );

  if (SUM_BITS > OutBits) begin : gen_trim
    logic unused_high;
    assign unused_high = |sum[SUM_BITS-1:OutBits];
  end
  assign sum_o = OutBits'($signed(sum));

endmodule

`default_nettype wire
