// SPDX-License-Identifier: BSD-3-Clause
// Matrix unit without its weight memory: folds, PE dot products of SIMD lanes, accumulators.
//
// Dense: MW × MH matrix; a vector of MW activations comes as MW/SIMD beats, lane 0 lowest, and
// gives MH/PE output beats of PE rows. Depthwise: MH channels with MW taps each; a beat holds SIMD
// taps of PE channels (tap-major), in the order [MH/PE][MW/SIMD].
// An accumulator starts from its row's word of InitFile (one word for all rows: ConstantInit),
// and adds 2^ActShift times the sums of `hwf_dot_lut` or, UseDsp, `hwf_dot_dsp`, modulo 2^AccBits.
// An output lane is the accumulator, or (UseThreshold) its top bit: then the word makes the
// accumulator 2^(AccBits−1) or more where the row fires.
// Weights: `weight_i` must follow `fold_o` one `weight_en_o` clock later (`hwf_weight_rom`); it is
// PE × WeightBits planes of SIMD bits.
// Throughput: one fold a clock, (MW/SIMD) × (MH/PE) clocks a vector, back to back.
// Latency: 2 + LATENCY clocks from the last beat of a vector to its first output.
// Handshake: `ready` is combinational in `m_axis_tready` (one enable freezes the pipeline); put a
// FIFO between two of these.
`default_nettype none

module hwf_mac_core #(
    parameter int unsigned MW = 8,
    parameter int unsigned MH = 8,
    parameter int unsigned SIMD = 4,
    parameter int unsigned PE = 2,
    parameter bit Depthwise = 1'b0,
    parameter int unsigned WeightBits = 1,
    parameter bit WeightBipolar = 1'b1,
    parameter int unsigned ActBits = 1,
    parameter bit ActSigned = 1'b0,
    parameter int unsigned ActShift = 0,
    parameter bit UseDsp = 1'b0,
    parameter int unsigned AccBits = 8,
    parameter bit UseThreshold = 1'b0,
    parameter bit ConstantInit = 1'b1,
    parameter bit InitBlock = 1'b0,
    // verilog_lint: waive explicit-parameter-storage-type (yosys knows no string parameters)
    parameter InitFile = "init.dat",
    localparam int unsigned Folds = (MW / SIMD) * (MH / PE),
    localparam int unsigned FoldBits = Folds > 1 ? $clog2(Folds) : 1,
    localparam int unsigned InBits = SIMD * ActBits * (Depthwise ? PE : 1),
    localparam int unsigned LaneBits = UseThreshold ? 1 : AccBits
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [InBits-1:0] s_axis_tdata,
    input  wire logic              s_axis_tvalid,
    output      logic              s_axis_tready,

    output      logic [          FoldBits-1:0] fold_o,
    output      logic                          weight_en_o,
    input  wire logic [PE*WeightBits*SIMD-1:0] weight_i,

    output      logic [PE*LaneBits-1:0] m_axis_tdata,
    output      logic                   m_axis_tvalid,
    input  wire logic                   m_axis_tready
);

  localparam int unsigned COLUMNS = MW / SIMD;
  localparam int unsigned ROWS = MH / PE;
  localparam int unsigned MOST = (WeightBits < ActBits ? WeightBits : ActBits) * SIMD;
  localparam int unsigned LATENCY = UseDsp ? 1 + $clog2(SIMD)
      : (1 + $clog2((MOST + 5) / 6))
      + $clog2(WeightBits + ActBits - 1);

  if (MW % SIMD != 0) begin : gen_check_simd
    $fatal(1, "hwf_mac_core: SIMD must divide MW");
  end
  if (MH % PE != 0) begin : gen_check_pe
    $fatal(1, "hwf_mac_core: PE must divide MH");
  end
  if (AccBits <= ActShift) begin : gen_check_acc
    $fatal(1, "hwf_mac_core: AccBits must exceed ActShift");
  end

  // One enable for the whole pipeline: it moves unless a result waits and is not taken.
  logic en;
  assign en = !m_axis_tvalid || m_axis_tready;
  assign weight_en_o = en;

  // ---- Folds: beats, live or replayed, beside their weights ------------------------------------
  logic [InBits-1:0] beat;
  logic beat_valid, beat_last;
  hwf_folds #(
      .Columns(COLUMNS),
      .Rows   (ROWS),
      .Bits   (InBits),
      .Replay (!Depthwise)
  ) u_folds (
      .ap_clk       (ap_clk),
      .ap_rst_n     (ap_rst_n),
      .en_i         (en),
      .s_axis_tdata (s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .fold_o       (fold_o),
      .beat_o       (beat),
      .valid_o      (beat_valid),
      .last_o       (beat_last)
  );

  // Bit planes of the beat, once for all lanes or (depthwise) one set for each.
  logic [InBits-1:0] planes;
  localparam int unsigned SETS = Depthwise ? PE : 1;
  for (genvar p = 0; p < SETS; p++) begin : gen_set
    for (genvar a = 0; a < ActBits; a++) begin : gen_plane
      for (genvar l = 0; l < SIMD; l++) begin : gen_lane
        assign planes[(p*ActBits+a)*SIMD+l] = beat[(l*SETS+p)*ActBits+a];
      end
    end
  end

  // ---- Validity beside the dot products; bit LATENCY: beside their sums ------------------------
  logic [LATENCY:0] valid, last;
  logic [LATENCY-1:0] valid_q, last_q;
  assign valid = {valid_q, beat_valid};
  assign last = {last_q, beat_last};
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) valid_q <= '0;
    else if (en) valid_q <= valid[LATENCY-1:0];
    if (en) last_q <= last[LATENCY-1:0];
  end

  logic emit;
  assign emit = valid[LATENCY] && last[LATENCY];

  logic first;
  if (COLUMNS > 1) begin : gen_first
    logic first_q;
    always_ff @(posedge ap_clk) begin
      if (!ap_rst_n) first_q <= 1'b1;
      else if (en && valid[LATENCY]) first_q <= last[LATENCY];
    end
    assign first = first_q;
  end else begin : gen_always_first
    assign first = 1'b1;
  end

  // ---- Initial values of a row block, beside its sums ------------------------------------------
  localparam int unsigned INIT_DEPTH = ConstantInit ? 1 : ROWS;
  localparam int unsigned INIT_BITS = INIT_DEPTH > 1 ? $clog2(INIT_DEPTH) : 1;
  // A block RAM is read one clock ahead. LUTs are read at once: a few rows vanish in the adders.
  localparam bit INIT_BLOCK = InitBlock && INIT_DEPTH > 1;
  localparam int unsigned INIT_STAGE = INIT_BLOCK ? LATENCY - 1 : LATENCY;
  logic [PE*AccBits-1:0] init;
  logic [INIT_BITS-1:0] init_row;
  if (INIT_DEPTH > 1) begin : gen_rows
    logic [INIT_BITS-1:0] row_q;
    always_ff @(posedge ap_clk) begin
      if (!ap_rst_n) row_q <= '0;
      else if (en && valid[INIT_STAGE] && last[INIT_STAGE]) begin
        row_q <= row_q == INIT_BITS'(ROWS - 1) ? '0 : row_q + 1'b1;
      end
    end
    assign init_row = row_q;
  end else begin : gen_row
    assign init_row = '0;
  end
  (* keep_hierarchy *)  // see hwf_weight_rom
  hwf_weight_rom #(
      .Depth     (INIT_DEPTH),
      .Width     (PE * AccBits),
      .UseBlock  (INIT_BLOCK),
      .Registered(INIT_BLOCK),
      .File      (InitFile)
  ) u_init (
      .clk_i (ap_clk),
      .en_i  (en),
      .addr_i(init_row),
      .data_o(init)
  );

  // ---- PE lanes --------------------------------------------------------------------------------
  logic [PE*LaneBits-1:0] result;
  for (genvar p = 0; p < PE; p++) begin : gen_pe
    logic [AccBits-ActShift-1:0] sum;
    if (UseDsp) begin : gen_dsp
      hwf_dot_dsp #(
          .Lanes        (SIMD),
          .WeightBits   (WeightBits),
          .WeightBipolar(WeightBipolar),
          .ActBits      (ActBits),
          .ActSigned    (ActSigned),
          .OutBits      (AccBits - ActShift),
          .Latency      (LATENCY)
      ) u_dot (
          .clk_i   (ap_clk),
          .en_i    (en),
          .weight_i(weight_i[p*WeightBits*SIMD+:WeightBits*SIMD]),
          .act_i   (planes[(Depthwise?p : 0)*ActBits*SIMD+:ActBits*SIMD]),
          .sum_o   (sum)
      );
    end else begin : gen_lut
      hwf_dot_lut #(
          .Lanes        (SIMD),
          .WeightBits   (WeightBits),
          .WeightBipolar(WeightBipolar),
          .ActBits      (ActBits),
          .ActSigned    (ActSigned),
          .OutBits      (AccBits - ActShift),
          .Latency      (LATENCY)
      ) u_dot (
          .clk_i   (ap_clk),
          .en_i    (en),
          .weight_i(weight_i[p*WeightBits*SIMD+:WeightBits*SIMD]),
          .act_i   (planes[(Depthwise?p : 0)*ActBits*SIMD+:ActBits*SIMD]),
          .sum_o   (sum)
      );
    end

    // The sum is the left operand, so that the choice of the right one fits the carry chain's LUTs.
    logic [AccBits-1:0] acc_q, total;
    assign total = (AccBits'(sum) << ActShift) + (first ? init[p*AccBits+:AccBits] : acc_q);
    always_ff @(posedge ap_clk) if (en && valid[LATENCY]) acc_q <= total;

    if (UseThreshold) begin : gen_threshold
      assign result[p] = total[AccBits-1];
    end else begin : gen_sum
      assign result[p*LaneBits+:LaneBits] = total;
    end
  end

  // ---- Output register -------------------------------------------------------------------------
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) m_axis_tvalid <= 1'b0;
    else if (en) m_axis_tvalid <= emit;
    if (en) m_axis_tdata <= result;
  end

endmodule

`default_nettype wire
