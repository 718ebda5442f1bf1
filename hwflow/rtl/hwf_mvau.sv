// SPDX-License-Identifier: BSD-3-Clause
// Matrix-vector unit for small integers, folded to PE rows × SIMD columns a clock.
//
// Each vector of MW activations arrives as MW/SIMD beats, lane 0 lowest, and yields MH/PE output
// beats of PE accumulators (AccBits, two's complement), row = beat × PE + lane.
// Operands: as `hwf_dot_lut`, or (UseDsp) `hwf_dot_dsp`. ActShift = 1: an activation bit b means
// 2b − 1.
// Throughput, latency and handshake: as `hwf_mac_core`; one fold a clock, back to back.
// WeightFile: $readmemh, one word per fold in order (row block, column block), bit
// ((lane × WeightBits + plane) × SIMD + column). InitFile: lane-packed initial values of the
// accumulators, one word per row block, or one in all (ConstantInit).
`default_nettype none

module hwf_mvau #(
    parameter int unsigned MW = 8,
    parameter int unsigned MH = 8,
    parameter int unsigned SIMD = 4,
    parameter int unsigned PE = 2,
    parameter int unsigned WeightBits = 2,
    parameter bit WeightBipolar = 1'b0,
    parameter int unsigned ActBits = 2,
    parameter bit ActSigned = 1'b0,
    parameter int unsigned ActShift = 0,
    parameter bit UseDsp = 1'b0,
    parameter int unsigned AccBits = 8,
    parameter bit ConstantInit = 1'b1,
    parameter bit WeightBlock = 1'b0,
    parameter bit InitBlock = 1'b0,
    // verilog_lint: waive explicit-parameter-storage-type (yosys knows no string parameters)
    parameter WeightFile = "weights.dat",
    parameter InitFile = "init.dat"
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [SIMD * ActBits-1:0] s_axis_tdata,
    input  wire logic                    s_axis_tvalid,
    output      logic                    s_axis_tready,

    output      logic [PE*AccBits-1:0] m_axis_tdata,
    output      logic                  m_axis_tvalid,
    input  wire logic                  m_axis_tready
);

  if (SIMD < 1 || PE < 1) begin : gen_check_folds
    $fatal(1, "hwf_mvau: SIMD and PE must be at least 1");
  end else if (MW < 1 || MW % SIMD != 0) begin : gen_check_simd
    $fatal(1, "hwf_mvau: MW must be a multiple of SIMD, at least 1");
  end else if (MH < 1 || MH % PE != 0) begin : gen_check_pe
    $fatal(1, "hwf_mvau: MH must be a multiple of PE, at least 1");
  end else begin : gen_unit
    localparam int unsigned FOLDS = (MW / SIMD) * (MH / PE);
    localparam int unsigned FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;

    logic [FOLD_BITS-1:0] fold;
    logic weight_en;
    logic [PE*WeightBits*SIMD-1:0] weight;
    (* keep_hierarchy *)  // see hwf_weight_rom
    hwf_weight_rom #(
        .Depth   (FOLDS),
        .Width   (PE * WeightBits * SIMD),
        .UseBlock(WeightBlock),
        .File    (WeightFile)
    ) u_weights (
        .clk_i (ap_clk),
        .en_i  (weight_en),
        .addr_i(fold),
        .data_o(weight)
    );

    hwf_mac_core #(
        .MW           (MW),
        .MH           (MH),
        .SIMD         (SIMD),
        .PE           (PE),
        .Depthwise    (1'b0),
        .WeightBits   (WeightBits),
        .WeightBipolar(WeightBipolar),
        .ActBits      (ActBits),
        .ActSigned    (ActSigned),
        .ActShift     (ActShift),
        .UseDsp       (UseDsp),
        .AccBits      (AccBits),
        .ConstantInit (ConstantInit),
        .InitBlock    (InitBlock),
        .InitFile     (InitFile)
    ) u_core (
        .ap_clk       (ap_clk),
        .ap_rst_n     (ap_rst_n),
        .s_axis_tdata (s_axis_tdata),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .fold_o       (fold),
        .weight_en_o  (weight_en),
        .weight_i     (weight),
        .m_axis_tdata (m_axis_tdata),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready)
    );
  end

endmodule

`default_nettype wire
