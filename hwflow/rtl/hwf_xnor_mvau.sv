// SPDX-License-Identifier: BSD-3-Clause
// Matrix-vector unit for ±1 weights and ±1 activations, folded to PE rows × SIMD columns a clock.
//
// A bit b stands for the value 2b − 1. Each vector of MW bits arrives as MW/SIMD beats, lane 0 in
// bit 0, and yields MH/PE output beats of PE lanes, row = beat × PE + lane. A lane is the signed
// ±1 dot product in `OutBits` bits (UseThreshold = 0), never a popcount, or one bit "dot product
// >= threshold of the row" (UseThreshold = 1).
// Throughput, latency and handshake: as `hwf_mac_core`; one fold a clock, back to back.
// WeightFile: $readmemh, one word per fold in order (row block, column block), bit
// (lane × SIMD + column) set for +1. InitFile: lane-packed words that popcounts start from
// (AccBits): one per row block, 2^CountBits less the popcount from which on the row fires, or
// (UseThreshold = 0) one in all, −ceil(MW/2), so that twice the sum is the dot product.
// LUT6 a lane (PE × SIMD): 3:2 behind the XNOR takes 2/3 and leaves 2/3 bit; one LUT with its carry
// then removes one bit, so about 4/3 is the least. `hwf_popcount` takes 1 and leaves 1/2.
`default_nettype none

module hwf_xnor_mvau #(
    parameter int unsigned MW = 8,
    parameter int unsigned MH = 8,
    parameter int unsigned SIMD = 4,
    parameter int unsigned PE = 2,
    parameter bit UseThreshold = 1'b0,
    parameter bit WeightBlock = 1'b0,
    parameter bit InitBlock = 1'b0,
    // verilog_lint: waive explicit-parameter-storage-type (yosys knows no string parameters)
    parameter WeightFile = "weights.dat",
    parameter InitFile = "init.dat",
    localparam int unsigned CountBits = $clog2(MW + 1),
    localparam int unsigned AccBits = UseThreshold ? CountBits + 1 : CountBits,
    localparam int unsigned OutBits = UseThreshold ? 1 : CountBits + 1
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [SIMD-1:0] s_axis_tdata,
    input  wire logic            s_axis_tvalid,
    output      logic            s_axis_tready,

    output      logic [PE*OutBits-1:0] m_axis_tdata,
    output      logic                  m_axis_tvalid,
    input  wire logic                  m_axis_tready
);

  if (SIMD < 1 || PE < 1) begin : gen_check_folds
    $fatal(1, "hwf_xnor_mvau: SIMD and PE must be at least 1");
  end else if (MW < 1 || MW % SIMD != 0) begin : gen_check_simd
    $fatal(1, "hwf_xnor_mvau: MW must be a multiple of SIMD, at least 1");
  end else if (MH < 1 || MH % PE != 0) begin : gen_check_pe
    $fatal(1, "hwf_xnor_mvau: MH must be a multiple of PE, at least 1");
  end else begin : gen_unit
    localparam int unsigned FOLDS = (MW / SIMD) * (MH / PE);
    localparam int unsigned FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
    localparam int unsigned LANE_BITS = UseThreshold ? 1 : CountBits;

    logic [FOLD_BITS-1:0] fold;
    logic weight_en;
    logic [PE*SIMD-1:0] weight;
    (* keep_hierarchy *)  // see hwf_weight_rom
    hwf_weight_rom #(
        .Depth   (FOLDS),
        .Width   (PE * SIMD),
        .UseBlock(WeightBlock),
        .File    (WeightFile)
    ) u_weights (
        .clk_i (ap_clk),
        .en_i  (weight_en),
        .addr_i(fold),
        .data_o(weight)
    );

    logic [PE*LANE_BITS-1:0] lanes;
    hwf_mac_core #(
        .MW          (MW),
        .MH          (MH),
        .SIMD        (SIMD),
        .PE          (PE),
        .AccBits     (AccBits),
        .UseThreshold(UseThreshold),
        .ConstantInit(!UseThreshold),
        .InitBlock   (InitBlock),
        .InitFile    (InitFile)
    ) u_core (
        .ap_clk       (ap_clk),
        .ap_rst_n     (ap_rst_n),
        .s_axis_tdata (s_axis_tdata),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .fold_o       (fold),
        .weight_en_o  (weight_en),
        .weight_i     (weight),
        .m_axis_tdata (lanes),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready)
    );

    for (genvar p = 0; p < PE; p++) begin : gen_lane
      if (UseThreshold) begin : gen_bit
        assign m_axis_tdata[p] = lanes[p];
      end else begin : gen_dot
        // ±1 dot product = 2 × (popcount − ceil(MW/2)) + (MW odd)
        assign m_axis_tdata[p*OutBits+:OutBits] = {lanes[p*CountBits+:CountBits], 1'(MW)};
      end
    end
  end

endmodule

`default_nettype wire
