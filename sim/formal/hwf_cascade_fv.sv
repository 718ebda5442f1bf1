// SPDX-License-Identifier: BSD-3-Clause
// hwf_cascade of two stages from outside: one frame, picked by the solver, is followed.
//
// Bit 0 of its first beat is 1, that of every other frame is 0. Stages (fv_stage) answer with the
// frame's beats as label, so that a result tells whose it is. Everything else is the solver's:
// settings, margins, stalls, malformed frames, soft resets. `prompt`: stages and sink never stall
// and frames come without gaps; then the result must leave within `Within` clocks.
`default_nettype none

module hwf_cascade_fv #(
    parameter int unsigned FrameBeats = 2,
    parameter int unsigned Retain = 2,
    parameter int unsigned Queue = 1,
    parameter int unsigned ReorderFrames = 2,
    parameter int unsigned Within = 24,
    parameter bit SoftReset = 1'b0,
    localparam int unsigned BeatBits = 2,
    localparam int unsigned MarginBits = 2
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic core_rst_n,
    input wire logic enable,
    input wire logic force_enable,
    input wire logic [3:0] force_stage,
    input wire logic order,
    input wire logic shed,
    input wire logic [31:0] threshold,
    input wire logic [BeatBits-1:0] in,
    input wire logic in_valid,
    input wire logic in_last,
    input wire logic pick,
    input wire logic [1:0] stage_ready_free,
    input wire logic [1:0] stage_offer,
    input wire logic [2*MarginBits-1:0] stage_margin,
    input wire logic result_ready
);

  localparam int unsigned FRAME_BITS = FrameBeats * BeatBits;
  (* anyconst *)logic prompt;
  if (!SoftReset) begin : gen_once
    always_ff @(posedge ap_clk) assume (core_rst_n == ap_rst_n);
  end
  logic in_ready, result_valid, accepted, idle, draining;
  logic [1:0] stage_frame, exits, sheds, verdict_valid, verdict_ready;
  logic [2*FRAME_BITS-1:0] stage_frame_data;
  logic [23:0] verdict_label;
  logic [2*MarginBits-1:0] verdict_margin;
  logic [63:0] result;

  fv_cascade #(
      .FrameBeats(FrameBeats),
      .Retain(Retain),
      .Queue(Queue),
      .ReorderFrames(ReorderFrames)
  ) u_env (
      .ap_clk,
      .ap_rst_n,
      .core_rst_n,
      .enable,
      .force_enable,
      .force_stage,
      .order,
      .shed,
      .threshold,
      .in,
      .in_valid,
      .in_ready,
      .in_last,
      .prompt,
      .stage_ready_free,
      .stage_offer,
      .stage_margin,
      .stage_frame,
      .stage_frame_data,
      .verdict_valid,
      .verdict_ready,
      .verdict_label,
      .verdict_margin,
      .result,
      .result_valid,
      .result_ready,
      .accepted,
      .exits,
      .sheds,
      .idle,
      .draining
  );

  // ---- The frame that is followed ---------------------------------------------------------------
  logic known_q, entering_q, short_q, long_q, forced_q, ordered_q, may_shed_q;
  logic [3:0] force_stage_q;
  logic [31:0] threshold_q;
  logic [15:0] id_q;
  logic [FRAME_BITS-1:0] data_q;
  logic [7:0] beat_q, accepted_q, delivered_q, age_q;
  logic [1:0] passed_q, judged_q;  // stages that got it; stages that answered
  logic [2*MarginBits-1:0] margins_q;
  logic answered_q;
  logic deliver, fire, starts;
  assign fire = in_valid && in_ready;
  assign deliver = result_valid && result_ready;
  assign starts = accepted && pick && !known_q;

  for (genvar k = 0; k < 2; k++) begin : gen_seen
    always_ff @(posedge ap_clk) begin
      if (!core_rst_n) begin
        passed_q[k] <= 1'b0;
        judged_q[k] <= 1'b0;
      end else begin
        if (stage_frame[k] && stage_frame_data[k*FRAME_BITS]) passed_q[k] <= 1'b1;
        if (verdict_valid[k] && verdict_ready[k] && verdict_label[12*k]) judged_q[k] <= 1'b1;
      end
      if (!judged_q[k]) margins_q[k*MarginBits+:MarginBits] <= verdict_margin[k*MarginBits+:MarginBits];
    end
  end

  logic full_length;
  assign full_length = 32'(beat_q) == FrameBeats - 1;
  always_ff @(posedge ap_clk) begin
    if (!core_rst_n) begin
      known_q <= 1'b0;
      entering_q <= 1'b0;
      answered_q <= 1'b0;
      accepted_q <= '0;
      delivered_q <= '0;
      beat_q <= '0;
    end else begin
      if (starts) known_q <= 1'b1;
      if (accepted) accepted_q <= accepted_q + 1'b1;
      if (deliver) delivered_q <= delivered_q + 1'b1;
      if (deliver && result[16]) answered_q <= 1'b1;
      // Beats of the frame that is coming in, by tlast and length alone.
      if (fire && !draining) beat_q <= in_last || full_length ? '0 : beat_q + 1'b1;
      if (fire && !draining) entering_q <= (starts || entering_q) && !in_last && !full_length;
    end
    if (starts) begin
      id_q <= 16'(accepted_q);
      {forced_q, force_stage_q} <= {force_enable, force_stage};
      {ordered_q, may_shed_q} <= {order && ReorderFrames != 0, shed};
      threshold_q <= threshold;
      short_q <= in_last && FrameBeats != 1;
      long_q <= FrameBeats == 1 && !in_last;
      data_q <= FRAME_BITS'(in);
      age_q <= '0;
    end else begin
      age_q <= age_q + 1'b1;
      if (fire && entering_q) begin
        short_q <= in_last && !full_length;
        long_q <= !in_last && full_length;
        data_q[beat_q*BeatBits+:BeatBits] <= in;
      end
    end
    if (core_rst_n && accepted) assume (in[0] == starts);
    if (prompt) begin
      assume (result_ready);
      assume (in_valid || !entering_q);
    end
  end

  // ---- Its result -------------------------------------------------------------------------------
  logic mine, unsure, stays, went_on;
  logic [15:0] id;
  logic [11:0] label;
  logic [3:0] stage;
  logic [23:0] margin;
  logic [7:0] flags;
  assign {flags, margin, stage, label, id} = result;
  assign mine = label[0];
  assign unsure = 32'(margins_q[MarginBits-1:0]) < threshold_q;
  assign stays = forced_q ? force_stage_q == '0 : !unsure || (may_shed_q && flags[3]);
  assign went_on = stage == 4'd1;

  // ---- Ordered results --------------------------------------------------------------------------
  logic some_ordered_q;
  logic [15:0] last_ordered_q;
  always_ff @(posedge ap_clk) begin
    if (!core_rst_n) some_ordered_q <= 1'b0;
    else if (deliver && flags[4]) some_ordered_q <= 1'b1;
    if (deliver && flags[4]) last_ordered_q <= id;
  end

  always_ff @(posedge ap_clk) begin
    if (core_rst_n) begin
      p_conserve : assert (delivered_q <= accepted_q
          && idle == (delivered_q == accepted_q && !draining));
      if (deliver) begin
        p_match : assert (mine == (known_q && id == id_q) && 16'(accepted_q) > id);
        if (mine) begin
          p_once : assert (!answered_q);
          p_label : assert (label == 12'(data_q));
          p_flags : assert (flags[2:0] == {forced_q, long_q, short_q} && flags[7:4] == 4'(ordered_q));
          p_exit : assert (judged_q[0] && stays == !went_on && stage <= 4'd1
              && judged_q[1] == went_on);
          p_margin : assert (margin == 24'(margins_q[went_on*MarginBits+:MarginBits]));
          p_shed : assert (!flags[3] || (may_shed_q && unsure && !forced_q && !went_on));
        end
        if (flags[4] && some_ordered_q) p_order : assert (id > last_ordered_q);
        p_exits : assert (exits == (2'd1 << stage) && sheds == (flags[3] ? exits : 2'd0));
      end
      if (prompt && known_q && !answered_q) p_response : assert (32'(age_q) < Within);
    end
  end

  // Every stage gets the followed frame once, whole, with zeros where it was short.
  logic [1:0] right;
  for (genvar k = 0; k < 2; k++) begin : gen_right
    logic mine_here;
    assign mine_here = stage_frame[k] && stage_frame_data[k*FRAME_BITS];
    assign right[k] = !mine_here || (known_q && !passed_q[k]
        && stage_frame_data[k*FRAME_BITS+:FRAME_BITS] == data_q);
  end
  always_ff @(posedge ap_clk) if (core_rst_n) p_whole : assert (&right);

endmodule

`default_nettype wire
