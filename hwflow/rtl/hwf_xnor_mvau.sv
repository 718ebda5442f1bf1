// SPDX-License-Identifier: BSD-3-Clause
// Matrix-vector unit for ±1 weights and ±1 activations, folded to PE rows × SIMD columns a clock.
//
// A bit b stands for the value 2b - 1. Each vector of MW bits arrives as MW/SIMD beats, lane 0 in
// bit 0, and yields MH/PE output beats of PE lanes, row = beat × PE + lane. A lane is the signed
// ±1 dot product in `OutBits` bits (UseThreshold = 0), never a popcount, or one bit "dot product
// >= threshold of the row" (UseThreshold = 1).
// Throughput: one fold a clock, (MW/SIMD) × (MH/PE) clocks a vector, back to back.
// Latency: 4 + log2 tree levels from the last beat of a vector to its first output.
// Handshake: `ready` is combinational in `m_axis_tready` (one enable freezes the pipeline); put a
// FIFO between two of these. The first MW/SIMD folds read the stream itself, the later ones the
// replay memory.
// WeightFile: $readmemh, one word per fold in order (row block, column block), bit
// (lane × SIMD + column) set for +1. ThresholdFile: one word per row block, lane-packed
// popcounts: the row fires iff popcount >= word, popcount = (dot product + MW) / 2.
`default_nettype none

module hwf_xnor_mvau #(
    parameter int unsigned MW = 8,
    parameter int unsigned MH = 8,
    parameter int unsigned SIMD = 4,
    parameter int unsigned PE = 2,
    parameter bit UseThreshold = 1'b0,
    // verilog_lint: waive explicit-parameter-storage-type (yosys knows no string parameters)
    parameter WeightFile = "weights.dat",
    parameter ThresholdFile = "thresholds.dat",
    localparam int unsigned CountBits = $clog2(MW + 1),
    // A popcount of MW itself needs a threshold of MW + 1 to stay silent.
    localparam int unsigned ThresholdBits = $clog2(MW + 2),
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

  localparam int unsigned SF = MW / SIMD;  // folds of the columns
  localparam int unsigned NF = MH / PE;  // folds of the rows
  localparam int unsigned FOLDS = SF * NF;
  localparam int unsigned SF_BITS = SF > 1 ? $clog2(SF) : 1;
  localparam int unsigned NF_BITS = NF > 1 ? $clog2(NF) : 1;
  localparam int unsigned FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
  localparam int unsigned LANE_BITS = $clog2(SIMD + 1);
  localparam int unsigned TREE = 1 + $clog2((SIMD + 2) / 3);

  if (MW % SIMD != 0) begin : gen_check_simd
    $fatal(1, "hwf_xnor_mvau: SIMD must divide MW");
  end
  if (MH % PE != 0) begin : gen_check_pe
    $fatal(1, "hwf_xnor_mvau: PE must divide MH");
  end

  // One enable for the whole pipeline: it moves unless a result waits and is not taken.
  logic en;
  assign en = !m_axis_tvalid || m_axis_tready;

  // ---- Fold sequence ---------------------------------------------------------------------------
  logic [SF_BITS-1:0] sf_q;
  logic [NF_BITS-1:0] nf_q;
  logic [FOLD_BITS-1:0] fold_q;
  logic last_sf, last_nf, live, step;

  assign last_sf = sf_q == SF_BITS'(SF - 1);
  assign last_nf = nf_q == NF_BITS'(NF - 1);
  assign live = nf_q == '0;  // this fold consumes an input beat
  assign step = en && (!live || s_axis_tvalid);
  assign s_axis_tready = en && live;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      sf_q   <= '0;
      nf_q   <= '0;
      fold_q <= '0;
    end else if (step) begin
      sf_q   <= last_sf ? '0 : sf_q + 1'b1;
      fold_q <= last_sf && last_nf ? '0 : fold_q + 1'b1;
      if (last_sf) nf_q <= last_nf ? '0 : nf_q + 1'b1;
    end
  end

  // ---- Activations: from the stream, then from the replay memory -------------------------------
  logic [SIMD-1:0] activation;
  if (NF > 1) begin : gen_replay
    logic [SIMD-1:0] replay_mem[SF];
    always_ff @(posedge ap_clk) if (step && live) replay_mem[sf_q] <= s_axis_tdata;
    assign activation = live ? s_axis_tdata : replay_mem[sf_q];
  end else begin : gen_no_replay
    assign activation = s_axis_tdata;
  end

  // ---- Stage 1: weights out of the ROM, activations beside them --------------------------------
  logic [PE*SIMD-1:0] weight_rom[FOLDS];
  initial $readmemh(WeightFile, weight_rom);

  logic [PE*SIMD-1:0] weight_q;
  logic [SIMD-1:0] activation_q;
  always_ff @(posedge ap_clk) begin
    if (en) begin
      weight_q <= weight_rom[fold_q];
      activation_q <= activation;
    end
  end

  // ---- Validity and fold position beside the popcount tree -------------------------------------
  // Bit 0: beside stage 1; bit TREE: beside the tree's output.
  logic [TREE:0] valid_q, last_q;
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) valid_q <= '0;
    else if (en) valid_q <= {valid_q[TREE-1:0], step};
    if (en) last_q <= {last_q[TREE-1:0], last_sf};
  end

  logic emit;
  assign emit = valid_q[TREE] && last_q[TREE];

  // ---- PE lanes: XNOR, popcount tree, accumulator ----------------------------------------------
  logic [PE*CountBits-1:0] total;
  for (genvar p = 0; p < PE; p++) begin : gen_pe
    logic [SIMD-1:0] agree;
    assign agree = ~(weight_q[p*SIMD+:SIMD] ^ activation_q);

    logic [LANE_BITS-1:0] count;
    hwf_popcount #(
        .Width  (SIMD),
        .Latency(TREE)
    ) u_popcount (
        .clk_i  (ap_clk),
        .en_i   (en),
        .bits_i (agree),
        .count_o(count)
    );

    logic [CountBits-1:0] sum;
    if (SF > 1) begin : gen_accumulate
      logic [CountBits-1:0] acc_q;
      // Cleared behind each row block, so that no "first" flag has to travel with the data.
      always_ff @(posedge ap_clk) begin
        if (!ap_rst_n) acc_q <= '0;
        else if (en && valid_q[TREE]) acc_q <= emit ? '0 : sum;
      end
      assign sum = acc_q + CountBits'(count);
    end else begin : gen_single
      assign sum = count;
    end
    assign total[p*CountBits+:CountBits] = sum;
  end

  // ---- Output register -------------------------------------------------------------------------
  logic [PE*OutBits-1:0] result;
  if (UseThreshold) begin : gen_threshold
    logic [PE*ThresholdBits-1:0] threshold_rom[NF];
    initial $readmemh(ThresholdFile, threshold_rom);

    logic [PE*ThresholdBits-1:0] threshold;
    if (NF > 1) begin : gen_rows
      logic [NF_BITS-1:0] row_q;
      always_ff @(posedge ap_clk) begin
        if (!ap_rst_n) row_q <= '0;
        else if (en && emit) row_q <= row_q == NF_BITS'(NF - 1) ? '0 : row_q + 1'b1;
      end
      assign threshold = threshold_rom[row_q];
    end else begin : gen_row
      assign threshold = threshold_rom[0];
    end
    for (genvar p = 0; p < PE; p++) begin : gen_compare
      assign result[p] = ThresholdBits'(total[p*CountBits+:CountBits])
                      >= threshold[p*ThresholdBits+:ThresholdBits];
    end
  end else begin : gen_score
    for (genvar p = 0; p < PE; p++) begin : gen_dot
      // ±1 dot product = 2 × popcount - MW
      assign result[p*OutBits+:OutBits] =
          {total[p*CountBits+:CountBits], 1'b0} - OutBits'(MW);
    end
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) m_axis_tvalid <= 1'b0;
    else if (en) m_axis_tvalid <= emit;
    if (en) m_axis_tdata <= result;
  end

endmodule

`default_nettype wire
