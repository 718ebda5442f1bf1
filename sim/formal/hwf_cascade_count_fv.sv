// SPDX-License-Identifier: BSD-3-Clause
// hwf_cascade of two stages, by induction: every accepted frame is in exactly one place until its
// result leaves, no queue overflows, streams are stable, and nothing ever stands still for good.
//
// Counts only: whose result it is, hwf_cascade_follow_fv follows; in which order results leave,
// hwf_cascade_order_fv shows. Where sink and stages are fair (ready, a verdict offered, at least
// every `Every` clocks), something moves in every `Within` clocks.
`default_nettype none

module hwf_cascade_count_fv #(
    parameter int unsigned FrameBeats = 2,
    parameter int unsigned Retain = 3,
    parameter int unsigned Queue = 2,
    parameter int unsigned ReorderFrames = 0,
    parameter int unsigned Every = 2,
    parameter int unsigned Within = 3,
    parameter bit Drains = 1'b1,  // proves too that all leaves once no beat comes
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
    input wire logic [1:0] stage_ready_free,
    input wire logic [1:0] stage_offer,
    input wire logic [2*MarginBits-1:0] stage_margin,
    input wire logic result_ready
);

  localparam int unsigned FRAME_BITS = FrameBeats * BeatBits;
  localparam int unsigned BEAT_COUNT_BITS = FrameBeats > 1 ? $clog2(FrameBeats) : 1;
  localparam int unsigned FRESH_BITS = $clog2(Retain + 1);
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

  // ---- Registers of the controller and of the stages --------------------------------------------
  (* hierconn *)logic [1:0] \u_env.u_dut.u_guard.state_q ;
  (* hierconn *)logic [BEAT_COUNT_BITS-1:0] \u_env.u_dut.u_guard.beat_q ;
  (* hierconn *)logic \u_env.u_dut.u_guard.m_axis_tvalid ;
  (* hierconn *)logic \u_env.u_dut.u_guard.m_axis_tlast ;
  (* hierconn *)logic [FRESH_BITS-1:0] \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.fresh_q ;
  (* hierconn *)logic [FRESH_BITS-1:0] \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.count_o ;
  (* hierconn, if_any *)logic [FRESH_BITS-1:0] \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_read_free.u_read_free.count_o ;
  (* hierconn *)logic [FRESH_BITS-1:0] \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.count_o ;
  (* hierconn *)logic [FRESH_BITS-1:0] \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.count_o ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.free_valid ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.read_free_valid ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.slot_take ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.push ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.s_axis_tvalid ;
  (* hierconn *)logic [BEAT_COUNT_BITS-1:0] \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.write_beat_q ;
  (* hierconn *)logic [BEAT_COUNT_BITS-1:0] \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.read_beat_q ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.m_axis_tvalid ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.m_axis_tlast ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.u_decide.decision_valid_o ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.u_decide.decision_escalate_o ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.u_decide.m_axis_exit_tvalid ;
  (* hierconn *)logic \u_env.u_dut.gen_level[1].u_level.u_decide.m_axis_exit_tvalid ;
  (* hierconn *)logic [1:0] \u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.count_o ;
  (* hierconn *)logic \u_env.u_dut.u_merge.m_axis_tvalid ;
  (* hierconn *)logic \u_env.u_dut.u_result.spare_valid_q ;
  (* hierconn *)logic [15:0] \u_env.u_dut.inside_q ;
  (* hierconn *)logic [1:0] \u_env.u_dut.gen_level[0].u_level.u_fork.done_q ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.u_skid.m_axis_tvalid ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.u_skid.spare_valid_q ;
  (* hierconn *)logic [BeatBits:0] \u_env.u_dut.gen_level[0].u_level.u_skid.m_axis_tdata ;
  (* hierconn *)logic [BeatBits:0] \u_env.u_dut.gen_level[0].u_level.u_skid.spare_q ;
  (* hierconn *)logic [1:0] \u_env.gen_stage[0].u_stage.count_q ;
  (* hierconn *)logic [7:0] \u_env.gen_stage[0].u_stage.beat_q ;
  (* hierconn *)logic [1:0] \u_env.u_dut.gen_level[1].u_level.u_fork.done_q ;
  (* hierconn *)logic \u_env.u_dut.gen_level[1].u_level.u_skid.m_axis_tvalid ;
  (* hierconn *)logic \u_env.u_dut.gen_level[1].u_level.u_skid.spare_valid_q ;
  (* hierconn *)logic [BeatBits:0] \u_env.u_dut.gen_level[1].u_level.u_skid.m_axis_tdata ;
  (* hierconn *)logic [BeatBits:0] \u_env.u_dut.gen_level[1].u_level.u_skid.spare_q ;
  (* hierconn *)logic [1:0] \u_env.gen_stage[1].u_stage.count_q ;
  (* hierconn *)logic [7:0] \u_env.gen_stage[1].u_stage.beat_q ;
  logic [1:0] guard_state;
  assign guard_state = \u_env.u_dut.u_guard.state_q ;
  logic [BEAT_COUNT_BITS-1:0] guard_beat;
  assign guard_beat = \u_env.u_dut.u_guard.beat_q ;
  logic guard_valid;
  assign guard_valid = \u_env.u_dut.u_guard.m_axis_tvalid ;
  logic guard_last;
  assign guard_last = \u_env.u_dut.u_guard.m_axis_tlast ;
  logic [FRESH_BITS-1:0] fresh;
  assign fresh = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.fresh_q ;
  logic [FRESH_BITS-1:0] free_count;
  assign free_count = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.count_o ;
  logic [FRESH_BITS-1:0] read_free_count;  // the reader's list, where a frame is one beat
  assign read_free_count = FrameBeats == 1 ? \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_read_free.u_read_free.count_o : '0;
  logic [FRESH_BITS-1:0] tickets;
  assign tickets = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.count_o ;
  logic [FRESH_BITS-1:0] waiting;
  assign waiting = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.count_o ;
  logic free_push;
  assign free_push = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.free_valid ;
  logic read_free_push;
  assign read_free_push = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.read_free_valid ;
  logic ticket_push;
  assign ticket_push = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.slot_take ;
  logic wait_push;
  assign wait_push = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.push ;
  logic wait_offer;
  assign wait_offer = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.s_axis_tvalid ;
  logic [BEAT_COUNT_BITS-1:0] write_beat;
  assign write_beat = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.write_beat_q ;
  logic [BEAT_COUNT_BITS-1:0] read_beat;
  assign read_beat = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.read_beat_q ;
  logic on_valid;
  assign on_valid = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.m_axis_tvalid ;
  logic on_last;
  assign on_last = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.m_axis_tlast ;
  logic decision_valid;
  assign decision_valid = \u_env.u_dut.gen_level[0].u_level.u_decide.decision_valid_o ;
  logic decision_escalate;
  assign decision_escalate = \u_env.u_dut.gen_level[0].u_level.u_decide.decision_escalate_o ;
  logic exit0;
  assign exit0 = \u_env.u_dut.gen_level[0].u_level.u_decide.m_axis_exit_tvalid ;
  logic exit1;
  assign exit1 = \u_env.u_dut.gen_level[1].u_level.u_decide.m_axis_exit_tvalid ;
  logic [1:0] last_tickets;
  assign last_tickets = \u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.count_o ;
  logic merged;
  assign merged = \u_env.u_dut.u_merge.m_axis_tvalid ;
  logic spare;
  assign spare = \u_env.u_dut.u_result.spare_valid_q ;
  logic [15:0] inside;
  assign inside = \u_env.u_dut.inside_q ;
  logic [1:0] done0;
  assign done0 = \u_env.u_dut.gen_level[0].u_level.u_fork.done_q ;
  logic skid0;
  assign skid0 = \u_env.u_dut.gen_level[0].u_level.u_skid.m_axis_tvalid ;
  logic skid_spare0;
  assign skid_spare0 = \u_env.u_dut.gen_level[0].u_level.u_skid.spare_valid_q ;
  logic [BeatBits:0] skid_out0;
  assign skid_out0 = \u_env.u_dut.gen_level[0].u_level.u_skid.m_axis_tdata ;
  logic [BeatBits:0] skid_held0;
  assign skid_held0 = \u_env.u_dut.gen_level[0].u_level.u_skid.spare_q ;
  logic [1:0] stage_count0;
  assign stage_count0 = \u_env.gen_stage[0].u_stage.count_q ;
  logic [7:0] stage_beat0;
  assign stage_beat0 = \u_env.gen_stage[0].u_stage.beat_q ;
  logic [1:0] done1;
  assign done1 = \u_env.u_dut.gen_level[1].u_level.u_fork.done_q ;
  logic skid1;
  assign skid1 = \u_env.u_dut.gen_level[1].u_level.u_skid.m_axis_tvalid ;
  logic skid_spare1;
  assign skid_spare1 = \u_env.u_dut.gen_level[1].u_level.u_skid.spare_valid_q ;
  logic [BeatBits:0] skid_out1;
  assign skid_out1 = \u_env.u_dut.gen_level[1].u_level.u_skid.m_axis_tdata ;
  logic [BeatBits:0] skid_held1;
  assign skid_held1 = \u_env.u_dut.gen_level[1].u_level.u_skid.spare_q ;
  logic [1:0] stage_count1;
  assign stage_count1 = \u_env.gen_stage[1].u_stage.count_q ;
  logic [7:0] stage_beat1;
  assign stage_beat1 = \u_env.gen_stage[1].u_stage.beat_q ;
  (* hierconn *)logic [1:0] \u_env.stage_ready ;
  (* hierconn *)logic [1:0] \u_env.u_dut.exit_tready ;
  (* hierconn *)logic \u_env.u_dut.merged_tready ;
  (* hierconn *)logic \u_env.u_dut.result_tvalid ;
  (* hierconn *)logic \u_env.u_dut.result_tready ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.decision_ready ;
  (* hierconn *)logic \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.read ;
  (* hierconn *)logic \u_env.u_dut.u_guard.emit ;
  (* hierconn *)logic [1:0] \u_env.u_dut.gen_level[0].u_level.u_fork.m_axis_tvalid ;
  (* hierconn *)logic [1:0] \u_env.u_dut.gen_level[0].u_level.u_fork.m_axis_tready ;
  (* hierconn *)logic [1:0] \u_env.u_dut.gen_level[1].u_level.u_fork.m_axis_tvalid ;
  (* hierconn *)logic [1:0] \u_env.u_dut.gen_level[1].u_level.u_fork.m_axis_tready ;
  logic [1:0] stage_ready;
  assign stage_ready = \u_env.stage_ready ;
  logic [1:0] exit_ready;
  assign exit_ready = \u_env.u_dut.exit_tready ;
  logic merged_ready;
  assign merged_ready = \u_env.u_dut.merged_tready ;
  logic stored_valid;
  assign stored_valid = \u_env.u_dut.result_tvalid ;
  logic stored_ready;
  assign stored_ready = \u_env.u_dut.result_tready ;
  logic decision_ready;
  assign decision_ready = \u_env.u_dut.gen_level[0].u_level.decision_ready ;
  logic read;
  assign read = \u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.read ;
  logic guard_emit;
  assign guard_emit = \u_env.u_dut.u_guard.emit ;
  logic [1:0] fork_valid0;
  assign fork_valid0 = \u_env.u_dut.gen_level[0].u_level.u_fork.m_axis_tvalid ;
  logic [1:0] fork_ready0;
  assign fork_ready0 = \u_env.u_dut.gen_level[0].u_level.u_fork.m_axis_tready ;
  logic [1:0] fork_valid1;
  assign fork_valid1 = \u_env.u_dut.gen_level[1].u_level.u_fork.m_axis_tvalid ;
  logic [1:0] fork_ready1;
  assign fork_ready1 = \u_env.u_dut.gen_level[1].u_level.u_fork.m_axis_tready ;

  // ---- Fair sink and stages ---------------------------------------------------------------------
  logic [4:0] fair;
  fv_fair #(
      .Every(Every)
  ) u_sink (
      .ap_clk,
      .ap_rst_n(core_rst_n),
      .event_i(result_ready),
      .fair_o (fair[0]),
      .since_o()
  );
  for (genvar k = 0; k < 2; k++) begin : gen_fair
    fv_fair #(
        .Every(Every)
    ) u_ready (
        .ap_clk,
        .ap_rst_n(core_rst_n),
        .event_i(stage_ready_free[k]),
        .fair_o (fair[1+k]),
        .since_o()
    );
    fv_fair #(
        .Every(Every)
    ) u_offer (
        .ap_clk,
        .ap_rst_n(core_rst_n),
        .event_i(stage_offer[k]),
        .fair_o (fair[3+k]),
        .since_o()
    );
  end

  // ---- Where frames are -------------------------------------------------------------------------
  // coming in, last beat at level 0, tickets, results, escalated: decided, waiting, last beat at
  // level 1, tickets, results; then in the merge, in the reorder store and in the output.
  logic [15:0] places, slots, stored_q;
  assign places = 16'(guard_beat != '0) + 16'(guard_valid && guard_last && !done0[1])
      + 16'(tickets) + 16'(exit0)
      + 16'(decision_valid && decision_escalate) + 16'(waiting)
      + 16'(on_valid && on_last && !done1[1]) + 16'(last_tickets) + 16'(exit1)
      + 16'(merged) + stored_q + 16'(result_valid) + 16'(spare);
  assign slots = 16'(Retain) - 16'(fresh) + 16'(free_count) + 16'(read_free_count) + 16'(tickets)
      + 16'(decision_valid) + 16'(waiting);
  always_ff @(posedge ap_clk) begin
    if (!core_rst_n) stored_q <= '0;
    else begin
      stored_q <= stored_q + 16'(merged && merged_ready) - 16'(stored_valid && stored_ready);
    end
  end

  // Something moves: a handshake anywhere, or a beat that the guard adds.
  logic complete, moves;
  logic [15:0] still_q;
  assign complete = guard_valid || guard_state == 2'd1 || tickets != '0 || exit0 || decision_valid
      || waiting != '0 || on_valid || last_tickets != '0 || exit1 || merged || stored_valid
      || result_valid;
  assign moves = guard_emit || (fork_valid0 & fork_ready0) != '0 || (fork_valid1 & fork_ready1) != '0
      || ({skid1, skid0} & stage_ready) != '0 || (verdict_valid & verdict_ready) != '0
      || (decision_valid && decision_ready) || read || ({exit1, exit0} & exit_ready) != '0
      || (merged && merged_ready) || (stored_valid && stored_ready)
      || (result_valid && result_ready);
  always_ff @(posedge ap_clk) begin
    if (!core_rst_n || moves || !complete) still_q <= '0;
    else still_q <= still_q + 1'b1;
  end

  // ---- Places of beats --------------------------------------------------------------------------
  logic [7:0] at_fork0, at_fork1;  // place in its frame of the beat at each fork
  logic [7:0] next_stage0, next_stage1;  // of the next beat to enter each stage's register
  assign at_fork0 = guard_beat == '0 ? 8'(FrameBeats - 1) : 8'(guard_beat) - 1'b1;
  assign at_fork1 = read_beat == '0 ? 8'(FrameBeats - 1) : 8'(read_beat) - 1'b1;
  assign next_stage0 = !guard_valid ? 8'(guard_beat)
      : (at_fork0 + 8'(done0[0])) % 8'(FrameBeats);
  assign next_stage1 = !on_valid ? 8'(read_beat) : (at_fork1 + 8'(done1[0])) % 8'(FrameBeats);

  logic [7:0] lasts0, lasts1;
  assign lasts0 = 8'(skid0 && skid_out0[BeatBits]) + 8'(skid_spare0 && skid_held0[BeatBits])
      + 8'(stage_count0);
  assign lasts1 = 8'(skid1 && skid_out1[BeatBits]) + 8'(skid_spare1 && skid_held1[BeatBits])
      + 8'(stage_count1);

  // ---- All leaves once no beat comes -------------------------------------------------------------
  if (Drains) begin : gen_drains
    // Handshakes that are left, at most, until every result has left: none goes back.
    localparam int unsigned KEPT = 4 * FrameBeats + 5;  // a frame that waits: read, fork, stage, exit
    localparam int unsigned TICKET = KEPT + 2;  // verdict and decision before it
    localparam int unsigned MOST = Retain * TICKET + (3 + TICKET) + (4 * FrameBeats + TICKET) + 2
        + (3 + 5) + 2 + 3 * 5 + 2 * 4 + 3 + 2 * (ReorderFrames + 1) + 2;
    logic [15:0] rank, budget_q;
    assign rank = 16'(guard_state == 2'd1 ? 4 * (FrameBeats - 32'(guard_beat)) + TICKET : 0)
        + (guard_valid && !done0[1] ? 16'(guard_last ? 1 + TICKET : 1) : '0)
        + (guard_valid && !done0[0] ? 16'd2 : '0) + 16'(skid0) + 16'(skid_spare0)
        + 16'(tickets) * 16'(TICKET) + (decision_valid ? 16'(decision_escalate ? KEPT + 1 : 1) : '0)
        + 16'(waiting) * 16'(KEPT) - 16'd4 * 16'(read_beat)
        + (on_valid && !done1[1] ? 16'(on_last ? 1 + 5 : 1) : '0)
        + (on_valid && !done1[0] ? 16'd2 : '0) + 16'(skid1) + 16'(skid_spare1)
        + 16'd5 * 16'(last_tickets) + 16'd4 * (16'(exit0) + 16'(exit1)) + 16'd3 * 16'(merged)
        + 16'd2 * stored_q + 16'(result_valid) + 16'(spare);
    logic moved_q;  // and no beat came
    logic [15:0] rank_q;
    always_ff @(posedge ap_clk) begin
      moved_q <= core_rst_n && moves && !(in_valid && in_ready);
      rank_q  <= rank;
    end
    // Clocks that are left for them, one in every `Within`.
    always_ff @(posedge ap_clk) begin
      if (!core_rst_n || (in_valid && in_ready)) budget_q <= 16'(Within * MOST);
      else if (complete) budget_q <= budget_q - 1'b1;
    end
    always_ff @(posedge ap_clk) begin
      if (core_rst_n) begin
        if (moved_q) p_nearer : assert (rank < rank_q);
        h_rank : assert (32'(rank) <= MOST);
        if (&fair) begin
          h_budget : assert (32'(budget_q) <= Within * MOST
              && Within * 32'(rank) <= 32'(budget_q) + 32'(still_q));
          h_drain : assert (!complete || budget_q != '0);
        end
        h_still : assert (still_q == '0 || complete);
      end
    end
  end

  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) h_states : assert (guard_state != 2'd3);  // it outlives a soft reset
    if (core_rst_n) begin
      p_conserve : assert (inside == places);
      p_idle : assert (idle == (places == '0 && !draining));
      p_capacity : assert (!(free_push && free_count == FRESH_BITS'(Retain))
          && !(read_free_push && read_free_count == FRESH_BITS'(Retain))
          && !(ticket_push && tickets == FRESH_BITS'(Retain))
          && !(wait_offer && waiting == FRESH_BITS'(Retain)));
      p_slots : assert (slots == 16'(Retain));
      if (&fair) p_progress : assert (32'(still_q) < Within);
      c_fair : cover (&fair && exits[1]);

      h_stored : assert (ReorderFrames != 0 || stored_q == '0);
      h_fork0 : assert (done0 == '0 || (guard_valid && done0 != '1));
      h_fork1 : assert (done1 == '0 || (on_valid && done1 != '1));
      h_skid0 : assert (skid0 || !skid_spare0);
      h_skid1 : assert (skid1 || !skid_spare1);
      h_result : assert (result_valid || !spare);
      if (guard_valid) h_last0 : assert (guard_last == (32'(at_fork0) == FrameBeats - 1));
      if (on_valid) h_last1 : assert (on_last == (32'(at_fork1) == FrameBeats - 1));
      h_reading : assert (read_beat == '0 || (on_valid && waiting != '0));
      h_writing : assert (8'(write_beat) == (!guard_valid ? 8'(guard_beat)
          : (at_fork0 + 8'(done0[1])) % 8'(FrameBeats)));
      h_room : assert (write_beat == '0 || fresh != FRESH_BITS'(Retain) || free_count != '0);
      h_beats : assert (32'(guard_beat) < FrameBeats && 32'(read_beat) < FrameBeats
          && 32'(write_beat) < FrameBeats && 32'(stage_beat0) < FrameBeats
          && 32'(stage_beat1) < FrameBeats);
      h_state : assert ((guard_state != 2'd1 || guard_beat != '0)
          && (guard_state != 2'd2 || guard_beat == '0));
      h_counts : assert (32'(fresh) <= Retain && 32'(free_count) <= Retain
          && 32'(read_free_count) <= Retain
          && 32'(tickets) <= Retain && 32'(waiting) <= Retain && 32'(last_tickets) <= 3
          && 32'(stage_count0) <= 2 && 32'(stage_count1) <= 2);
      // Frames that a stage has, or is about to get, against tickets.
      h_pair0 : assert (lasts0 + 8'(guard_valid && guard_last && done0[1])
          == 8'(tickets) + 8'(guard_valid && guard_last && done0[0]));
      h_pair1 : assert (lasts1 + 8'(on_valid && on_last && done1[1])
          == 8'(last_tickets) + 8'(on_valid && on_last && done1[0]));
      h_align0 : assert ((32'(stage_beat0) + 32'(skid0) + 32'(skid_spare0)) % FrameBeats
          == 32'(next_stage0));
      h_align1 : assert ((32'(stage_beat1) + 32'(skid1) + 32'(skid_spare1)) % FrameBeats
          == 32'(next_stage1));
      if (skid0) h_out0 : assert (skid_out0[BeatBits] == (32'(stage_beat0) == FrameBeats - 1));
      if (skid1) h_out1 : assert (skid_out1[BeatBits] == (32'(stage_beat1) == FrameBeats - 1));
      if (skid_spare0) begin
        h_held0 : assert (skid_held0[BeatBits] == ((32'(stage_beat0) + 1) % FrameBeats
            == FrameBeats - 1));
      end
      if (skid_spare1) begin
        h_held1 : assert (skid_held1[BeatBits] == ((32'(stage_beat1) + 1) % FrameBeats
            == FrameBeats - 1));
      end
    end
  end

endmodule

`default_nettype wire
