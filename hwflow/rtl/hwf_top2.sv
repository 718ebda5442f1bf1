// SPDX-License-Identifier: BSD-3-Clause
// Label and margin of a frame's scores.
//
// A beat carries `Lanes` signed scores, lane 0 lowest, class = beat × Lanes + lane; lanes beyond
// the last class are ignored. Label: the best score's class, the lowest of equals. Margin: best
// minus second best, so 0 for a shared first place; as many bits as a score always hold it.
// Throughput: one beat a clock, frames back to back. Latency: two clocks from the last beat.
// Handshake: one enable; `ready` is combinational in `verdict_ready_i`, only while a verdict waits.
`default_nettype none

module hwf_top2 #(
    parameter int unsigned Classes = 10,
    parameter int unsigned Lanes = 1,
    parameter int unsigned ScoreBits = 8,
    localparam int unsigned LabelBits = 12
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [Lanes*ScoreBits-1:0] s_axis_tdata,
    input  wire logic                       s_axis_tvalid,
    output      logic                       s_axis_tready,

    output      logic                 verdict_valid_o,
    input  wire logic                 verdict_ready_i,
    output      logic [LabelBits-1:0] verdict_label_o,
    output      logic [ScoreBits-1:0] verdict_margin_o
);

  if (Classes < 2 || Classes > (1 << LabelBits)) begin : gen_check_classes
    $fatal(1, "hwf_top2: 2 to 4096 classes");
  end

  localparam int unsigned BEATS = (Classes + Lanes - 1) / Lanes;
  localparam int unsigned BEAT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
  localparam int unsigned LEAVES = 1 << $clog2(Lanes);
  localparam int unsigned LANE_BITS = Lanes > 1 ? $clog2(Lanes) : 1;
  // One bit more than a score: the lowest value stands for "no score" and loses to all.
  localparam int unsigned WIDE = ScoreBits + 1;
  localparam logic [WIDE-1:0] NONE = {1'b1, {ScoreBits{1'b0}}};

  logic en;
  assign en = !verdict_valid_o || verdict_ready_i;
  assign s_axis_tready = en;

  // ---- Best two of a beat: a tree whose node i has the children 2i+1 and 2i+2 -------------------
  logic [BEAT_BITS-1:0] beat_q;
  logic last_beat;
  assign last_beat = beat_q == BEAT_BITS'(BEATS - 1);

  logic [(2*LEAVES-1)*WIDE-1:0] best, second;
  logic [(2*LEAVES-1)*LANE_BITS-1:0] where;

  for (genvar l = 0; l < LEAVES; l++) begin : gen_leaf
    localparam int unsigned NODE = LEAVES - 1 + l;
    assign second[NODE*WIDE+:WIDE] = NONE;
    assign where[NODE*LANE_BITS+:LANE_BITS] = LANE_BITS'(l);
    if (l >= Lanes) begin : gen_no_lane
      assign best[NODE*WIDE+:WIDE] = NONE;
    end else begin : gen_lane
      logic [ScoreBits-1:0] score;
      assign score = s_axis_tdata[l*ScoreBits+:ScoreBits];
      // Lanes beyond the last class exist in the last beat only.
      if ((BEATS - 1) * Lanes + l >= Classes) begin : gen_partial
        assign best[NODE*WIDE+:WIDE] = last_beat ? NONE : {score[ScoreBits-1], score};
      end else begin : gen_full
        assign best[NODE*WIDE+:WIDE] = {score[ScoreBits-1], score};
      end
    end
  end

  for (genvar i = 0; i < LEAVES - 1; i++) begin : gen_node
    logic signed [WIDE-1:0] left, right, left_second, right_second;
    logic keep_left;
    assign left = best[(2*i+1)*WIDE+:WIDE];
    assign right = best[(2*i+2)*WIDE+:WIDE];
    assign left_second = second[(2*i+1)*WIDE+:WIDE];
    assign right_second = second[(2*i+2)*WIDE+:WIDE];
    assign keep_left = left >= right;  // the left child holds the lower lanes
    assign best[i*WIDE+:WIDE] = keep_left ? left : right;
    assign second[i*WIDE+:WIDE] = keep_left
        ? (right > left_second ? right : left_second)
        : (left > right_second ? left : right_second);
    assign where[i*LANE_BITS+:LANE_BITS] = keep_left
        ? where[(2*i+1)*LANE_BITS+:LANE_BITS]
        : where[(2*i+2)*LANE_BITS+:LANE_BITS];
  end

  // ---- Registered, with the beat's place in the frame -------------------------------------------
  logic valid_q, first_q, last_q;
  logic signed [WIDE-1:0] beat_best_q, beat_second_q;
  logic [LabelBits-1:0] beat_label_q, base_q;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      valid_q <= 1'b0;
      beat_q  <= '0;
      base_q  <= '0;
    end else if (en) begin
      valid_q <= s_axis_tvalid;
      if (s_axis_tvalid) begin
        beat_q <= last_beat ? '0 : beat_q + 1'b1;
        base_q <= last_beat ? '0 : base_q + LabelBits'(Lanes);
      end
    end
    if (en) begin
      first_q <= beat_q == '0;
      last_q <= last_beat;
      beat_best_q <= best[WIDE-1:0];
      beat_second_q <= second[WIDE-1:0];
      beat_label_q <= base_q + LabelBits'(where[LANE_BITS-1:0]);
    end
  end

  // ---- Best two of the frame so far -------------------------------------------------------------
  logic signed [WIDE-1:0] run_best_q, run_second_q, run_best, run_second, old_best, old_second;
  logic [LabelBits-1:0] run_label_q, run_label;
  logic keep_old;

  assign old_best = first_q ? NONE : run_best_q;
  assign old_second = first_q ? NONE : run_second_q;
  assign keep_old = !first_q && old_best >= beat_best_q;
  assign run_best = keep_old ? old_best : beat_best_q;
  assign run_label = keep_old ? run_label_q : beat_label_q;
  assign run_second = keep_old
      ? (beat_best_q > old_second ? beat_best_q : old_second)
      : (old_best > beat_second_q ? old_best : beat_second_q);

  logic [WIDE-1:0] difference;
  assign difference = run_best - run_second;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) verdict_valid_o <= 1'b0;
    else if (en) verdict_valid_o <= valid_q && last_q;
    if (en) begin
      verdict_label_o  <= run_label;
      verdict_margin_o <= difference[ScoreBits-1:0];
      if (valid_q) begin
        run_best_q <= run_best;
        run_second_q <= run_second;
        run_label_q <= run_label;
      end
    end
  end

  logic unused_sign;
  assign unused_sign = difference[WIDE-1];

endmodule

`default_nettype wire
