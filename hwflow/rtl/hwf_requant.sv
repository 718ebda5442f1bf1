// SPDX-License-Identifier: BSD-3-Clause
// Requantiser: clip((in × multiplier + bias) >> Shift, Low, High) per channel, exact in integers.
//
// A beat carries `Lanes` neighbouring channels, lane 0 lowest; `Folds` beats make a vector. The
// shift is arithmetic (floor) and common to all channels: a shift per channel would cost a barrel
// shifter a lane, while the bits it takes off the multipliers are free in a DSP. Multipliers and
// biases are two's complement of `MultiplierBits` and `BiasBits`, from LUT ROMs.
// With Shift 0 and Low, High at the ends of the output's type it is a per-channel affine map.
// Throughput: one beat a clock. Latency: four clocks (operands, product, sum, clip), arranged for
// the registers of a DSP48; one DSP per lane if in and multiplier fit 18 × 25 bits.
// Handshake: one enable freezes the pipeline; input ready is combinational in `m_axis_tready`.
// MultiplierFile, BiasFile: $readmemh, one word per fold, lane-packed.
`default_nettype none
// No block RAM, in each tool's words: yosys maps "distributed" to memories that can be written only.
`ifdef YOSYS
`define HWF_LUT_ROM (* rom_style = "logic" *)
`else
`define HWF_LUT_ROM (* rom_style = "distributed" *)
`endif

module hwf_requant #(
    parameter int unsigned Folds = 1,
    parameter int unsigned Lanes = 1,
    parameter int unsigned InBits = 16,
    parameter int unsigned OutBits = 8,
    parameter bit InSigned = 1'b1,
    parameter bit OutSigned = 1'b0,
    parameter int unsigned MultiplierBits = 8,
    parameter int unsigned BiasBits = 16,
    parameter int unsigned Shift = 8,
    parameter logic signed [63:0] Low = 0,
    parameter logic signed [63:0] High = 255,
    // verilog_lint: waive explicit-parameter-storage-type (yosys knows no string parameters)
    parameter MultiplierFile = "multipliers.dat",
    parameter BiasFile = "biases.dat"
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [Lanes*InBits-1:0] s_axis_tdata,
    input  wire logic                    s_axis_tvalid,
    output      logic                    s_axis_tready,

    output      logic [Lanes*OutBits-1:0] m_axis_tdata,
    output      logic                     m_axis_tvalid,
    input  wire logic                     m_axis_tready
);

  localparam int unsigned F_BITS = Folds > 1 ? $clog2(Folds) : 1;
  localparam int unsigned A_BITS = InSigned ? InBits : InBits + 1;
  localparam int unsigned PRODUCT_BITS = A_BITS + MultiplierBits;
  // Wide enough for the sum, and for at least one bit behind the shift.
  localparam int unsigned TERM_BITS = PRODUCT_BITS > BiasBits ? PRODUCT_BITS : BiasBits;
  localparam int unsigned SUM_BITS = (TERM_BITS > Shift ? TERM_BITS : Shift) + 1;
  // The narrow result: the output as a signed number and one bit, so that Low and High lie inside.
  localparam int unsigned N_BITS = (OutSigned ? OutBits : OutBits + 1) + 1;
  localparam int unsigned V_BITS = SUM_BITS - Shift > N_BITS ? SUM_BITS - Shift : N_BITS;

  if (Low > High) begin : gen_check_clip
    $fatal(1, "hwf_requant: Low is above High");
  end
  if (OutBits > 62 || Low < (OutSigned ? -(64'sd1 <<< (OutBits - 1)) : 64'sd0)
      || High >= (64'sd1 <<< (OutSigned ? OutBits - 1 : OutBits))) begin : gen_check_output
    $fatal(1, "hwf_requant: Low and High must be values of the output's type");
  end

  logic en, take;
  logic [2:0] valid_q;  // operands, product, sum
  assign en = !m_axis_tvalid || m_axis_tready;
  assign s_axis_tready = en;
  assign take = en && s_axis_tvalid;

  // ---- Parameters of the fold -------------------------------------------------------------------
  logic [F_BITS-1:0] fold_q, bias_fold_q;
  `HWF_LUT_ROM
  logic [Lanes*MultiplierBits-1:0] multiplier_rom[Folds];
  `HWF_LUT_ROM
  logic [Lanes*BiasBits-1:0] bias_rom[Folds];
  initial $readmemh(MultiplierFile, multiplier_rom);
  initial $readmemh(BiasFile, bias_rom);

  logic [Lanes*MultiplierBits-1:0] multiplier_q;
  logic [Lanes*BiasBits-1:0] bias_q;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      valid_q <= '0;
      fold_q  <= '0;
    end else begin
      if (en) valid_q <= {valid_q[1:0], s_axis_tvalid};
      if (take) fold_q <= fold_q == F_BITS'(Folds - 1) ? '0 : fold_q + 1'b1;
    end
    if (en) begin
      multiplier_q <= multiplier_rom[fold_q];
      // The bias is needed one clock later than the multiplier.
      bias_fold_q <= fold_q;
      bias_q <= bias_rom[bias_fold_q];
    end
  end

  // ---- Lanes ------------------------------------------------------------------------------------
  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    logic signed [A_BITS-1:0] in_q;
    logic signed [MultiplierBits-1:0] multiplier;
    logic signed [BiasBits-1:0] bias;
    logic signed [PRODUCT_BITS-1:0] product_q;
    logic signed [SUM_BITS-1:0] sum_q;
    assign multiplier = multiplier_q[l*MultiplierBits+:MultiplierBits];
    assign bias = bias_q[l*BiasBits+:BiasBits];

    logic signed [A_BITS-1:0] operand;
    if (InSigned) begin : gen_signed
      assign operand = s_axis_tdata[l*InBits+:InBits];
    end else begin : gen_unsigned
      assign operand = {1'b0, s_axis_tdata[l*InBits+:InBits]};
    end

    logic signed [V_BITS-1:0] shifted;
    logic signed [N_BITS-1:0] narrow;
    logic fits, below, above;
    assign shifted = V_BITS'(sum_q >>> Shift);
    assign narrow = shifted[N_BITS-1:0];
    assign fits = shifted[V_BITS-1:N_BITS-1] == {(V_BITS - N_BITS + 1) {shifted[V_BITS-1]}};
    assign below = fits ? narrow < N_BITS'(Low) : shifted[V_BITS-1];
    assign above = fits ? narrow > N_BITS'(High) : !shifted[V_BITS-1];

    always_ff @(posedge ap_clk) begin
      if (en) begin
        in_q <= operand;
        product_q <= PRODUCT_BITS'(in_q) * PRODUCT_BITS'(multiplier);
        sum_q <= SUM_BITS'(product_q) + SUM_BITS'(bias);
        m_axis_tdata[l*OutBits+:OutBits] <=
            below ? OutBits'(Low) : above ? OutBits'(High) : narrow[OutBits-1:0];
      end
    end
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) m_axis_tvalid <= 1'b0;
    else if (en) m_axis_tvalid <= valid_q[2];
  end

endmodule

`undef HWF_LUT_ROM
`default_nettype wire
