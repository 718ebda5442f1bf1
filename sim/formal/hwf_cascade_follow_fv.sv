// SPDX-License-Identifier: BSD-3-Clause
// hwf_cascade of two stages, by induction: one frame, which the solver picks, is followed from its
// first beat to its result, on top of hwf_cascade_order_fv (frames of two beats, three slots).
//
// Bit 0 of its first beat is 1, that of every other frame is 0, so that stages and results tell
// whose they are; ids tell it inside. Assumed: fewer than 65536 frames overtake it. The stages'
// labels are the frames' beats (fv_stage).
`default_nettype none

module hwf_cascade_follow_fv #(
    parameter int unsigned ReorderFrames = 0,
    parameter int unsigned Within = 3
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
    input wire logic [1:0] in,
    input wire logic in_valid,
    input wire logic in_last,
    input wire logic pick,
    input wire logic [1:0] stage_ready_free,
    input wire logic [1:0] stage_offer,
    input wire logic [3:0] stage_margin,
    input wire logic result_ready
);

  hwf_cascade_order_fv #(
      .ReorderFrames(ReorderFrames),
      .Within(Within)
  ) u_order (
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
      .in_last,
      .stage_ready_free,
      .stage_offer,
      .stage_margin,
      .result_ready
  );

  // ---- Registers of the controller and of the stages; many have a name in u_order already -------
  (* hierconn *)logic [1:0] \u_order.next_place ;
  (* hierconn *)logic [1:0] \u_order.full ;
  (* hierconn *)logic [127:0] \u_order.stored_words ;
  (* hierconn *)logic \u_order.leaving_valid ;
  (* hierconn *)logic [63:0] \u_order.leaving_word ;
  (* hierconn *)logic \u_order.accepted ;
  (* hierconn *)logic \u_order.u_count.draining ;
  (* hierconn *)logic [63:0] \u_order.result ;
  (* hierconn *)logic \u_order.result_valid ;
  (* hierconn *)logic [1:0] \u_order.u_count.verdict_valid ;
  (* hierconn *)logic [1:0] \u_order.u_count.verdict_ready ;
  (* hierconn *)logic [23:0] \u_order.u_count.verdict_label ;
  (* hierconn *)logic [3:0] \u_order.u_count.verdict_margin ;
  (* hierconn *)logic [1:0] \u_order.u_count.stage_frame ;
  (* hierconn *)logic [7:0] \u_order.u_count.stage_frame_data ;
  (* hierconn *)logic [1:0] \u_order.u_count.exits ;
  (* hierconn *)logic [1:0] \u_order.u_count.sheds ;
  (* hierconn *)logic \u_order.u_count.in_ready ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.u_guard.state_q ;
  (* hierconn *)logic \u_order.guard_beat ;
  (* hierconn *)logic [15:0] \u_order.guard_id ;
  (* hierconn *)logic [10:0] \u_order.guard_settings ;
  (* hierconn *)logic \u_order.guard_valid ;
  (* hierconn *)logic \u_order.guard_last ;
  (* hierconn *)logic [28:0] \u_order.guard_user ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.u_guard.m_axis_tdata ;
  (* hierconn *)logic [1:0] \u_order.done0 ;
  (* hierconn *)logic [1:0] \u_order.done1 ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.fresh_q ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.slot ;
  (* hierconn *)logic \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.write_beat_q ;
  (* hierconn *)logic \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.read_beat_q ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.count_o ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.genblk2.gen_memory.read_q ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.genblk2.gen_memory.write_q ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.genblk2.gen_memory.mem[0] ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.genblk2.gen_memory.mem[1] ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.genblk2.gen_memory.mem[2] ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.genblk2.gen_memory.mem[3] ;
  (* hierconn *)logic [1:0] \u_order.ticket_count ;
  (* hierconn *)logic [1:0] \u_order.ticket_read ;
  (* hierconn *)logic [1:0] \u_order.ticket_write ;
  (* hierconn *)logic [123:0] \u_order.ticket_words ;
  (* hierconn *)logic [1:0] \u_order.wait_count ;
  (* hierconn *)logic [1:0] \u_order.wait_read ;
  (* hierconn *)logic [1:0] \u_order.wait_write ;
  (* hierconn *)logic [111:0] \u_order.wait_words ;
  (* hierconn *)logic [1:0] \u_order.last_count ;
  (* hierconn *)logic [1:0] \u_order.last_read ;
  (* hierconn *)logic [1:0] \u_order.last_write ;
  (* hierconn *)logic [103:0] \u_order.last_words ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[0] ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[1] ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[2] ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[3] ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[4] ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[5] ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[6] ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[7] ;
  (* hierconn *)logic \u_order.decision_valid ;
  (* hierconn *)logic \u_order.decision_escalate ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.u_decide.decision_slot_o ;
  (* hierconn *)logic [25:0] \u_order.decision_user ;
  (* hierconn *)logic \u_order.exit_valid0 ;
  (* hierconn *)logic [63:0] \u_order.exit_word0 ;
  (* hierconn *)logic \u_order.exit_valid1 ;
  (* hierconn *)logic [63:0] \u_order.exit_word1 ;
  (* hierconn *)logic \u_order.on_valid ;
  (* hierconn *)logic \u_order.on_last ;
  (* hierconn *)logic [25:0] \u_order.on_user ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.m_axis_tdata ;
  (* hierconn *)logic \u_order.merged_valid ;
  (* hierconn *)logic [64:0] \u_order.merged_word ;
  (* hierconn *)logic \u_order.spare_valid ;
  (* hierconn *)logic [63:0] \u_order.spare_word ;
  (* hierconn *)logic \u_order.u_count.u_env.u_dut.gen_level[0].u_level.u_skid.m_axis_tvalid ;
  (* hierconn *)logic [2:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.u_skid.m_axis_tdata ;
  (* hierconn *)logic \u_order.u_count.u_env.u_dut.gen_level[0].u_level.u_skid.spare_valid_q ;
  (* hierconn *)logic [2:0] \u_order.u_count.u_env.u_dut.gen_level[0].u_level.u_skid.spare_q ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.gen_stage[0].u_stage.count_q ;
  (* hierconn *)logic [7:0] \u_order.u_count.u_env.gen_stage[0].u_stage.beat_q ;
  (* hierconn *)logic [7:0] \u_order.u_count.u_env.gen_stage[0].u_stage.frames_q ;
  (* hierconn *)logic [3:0] \u_order.u_count.u_env.gen_stage[0].u_stage.partial_q ;
  (* hierconn *)logic \u_order.u_count.u_env.u_dut.gen_level[1].u_level.u_skid.m_axis_tvalid ;
  (* hierconn *)logic [2:0] \u_order.u_count.u_env.u_dut.gen_level[1].u_level.u_skid.m_axis_tdata ;
  (* hierconn *)logic \u_order.u_count.u_env.u_dut.gen_level[1].u_level.u_skid.spare_valid_q ;
  (* hierconn *)logic [2:0] \u_order.u_count.u_env.u_dut.gen_level[1].u_level.u_skid.spare_q ;
  (* hierconn *)logic [1:0] \u_order.u_count.u_env.gen_stage[1].u_stage.count_q ;
  (* hierconn *)logic [7:0] \u_order.u_count.u_env.gen_stage[1].u_stage.beat_q ;
  (* hierconn *)logic [7:0] \u_order.u_count.u_env.gen_stage[1].u_stage.frames_q ;
  (* hierconn *)logic [3:0] \u_order.u_count.u_env.gen_stage[1].u_stage.partial_q ;
  wire logic [1:0] next_place = \u_order.next_place ;
  wire logic [1:0] full = \u_order.full ;
  wire logic [127:0] stored_words = \u_order.stored_words ;
  wire logic leaving_valid = \u_order.leaving_valid ;
  wire logic [63:0] leaving_word = \u_order.leaving_word ;
  wire logic accepted = \u_order.accepted ;
  wire logic draining = \u_order.u_count.draining ;
  wire logic [63:0] result = \u_order.result ;
  wire logic result_valid = \u_order.result_valid ;
  wire logic [1:0] verdict_valid = \u_order.u_count.verdict_valid ;
  wire logic [1:0] verdict_ready = \u_order.u_count.verdict_ready ;
  wire logic [23:0] verdict_label = \u_order.u_count.verdict_label ;
  wire logic [3:0] verdict_margin = \u_order.u_count.verdict_margin ;
  wire logic [1:0] stage_frame = \u_order.u_count.stage_frame ;
  wire logic [7:0] stage_frame_data = \u_order.u_count.stage_frame_data ;
  wire logic [1:0] exits = \u_order.u_count.exits ;
  wire logic [1:0] sheds = \u_order.u_count.sheds ;
  wire logic in_ready = \u_order.u_count.in_ready ;
  wire logic [1:0] guard_state = \u_order.u_count.u_env.u_dut.u_guard.state_q ;
  wire logic guard_beat = \u_order.guard_beat ;
  wire logic [15:0] guard_id = \u_order.guard_id ;
  wire logic [10:0] guard_settings = \u_order.guard_settings ;
  wire logic guard_valid = \u_order.guard_valid ;
  wire logic guard_last = \u_order.guard_last ;
  wire logic [28:0] guard_user = \u_order.guard_user ;
  wire logic [1:0] guard_data = \u_order.u_count.u_env.u_dut.u_guard.m_axis_tdata ;
  wire logic [1:0] done0 = \u_order.done0 ;
  wire logic [1:0] done1 = \u_order.done1 ;
  wire logic [1:0] fresh = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.fresh_q ;
  wire logic [1:0] slot = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.slot ;
  wire logic write_beat = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.write_beat_q ;
  wire logic read_beat = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.read_beat_q ;
  wire logic [1:0] free_count = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.count_o ;
  wire logic [1:0] free_read = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.genblk2.gen_memory.read_q ;
  wire logic [1:0] free_write = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.genblk2.gen_memory.write_q ;
  wire logic [1:0] free_word0 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.genblk2.gen_memory.mem[0] ;
  wire logic [1:0] free_word1 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.genblk2.gen_memory.mem[1] ;
  wire logic [1:0] free_word2 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.genblk2.gen_memory.mem[2] ;
  wire logic [1:0] free_word3 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_free.genblk2.gen_memory.mem[3] ;
  wire logic [1:0] ticket_count = \u_order.ticket_count ;
  wire logic [1:0] ticket_read = \u_order.ticket_read ;
  wire logic [1:0] ticket_write = \u_order.ticket_write ;
  wire logic [123:0] ticket_words = \u_order.ticket_words ;
  wire logic [1:0] wait_count = \u_order.wait_count ;
  wire logic [1:0] wait_read = \u_order.wait_read ;
  wire logic [1:0] wait_write = \u_order.wait_write ;
  wire logic [111:0] wait_words = \u_order.wait_words ;
  wire logic [1:0] last_count = \u_order.last_count ;
  wire logic [1:0] last_read = \u_order.last_read ;
  wire logic [1:0] last_write = \u_order.last_write ;
  wire logic [103:0] last_words = \u_order.last_words ;
  wire logic [1:0] kept0 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[0] ;
  wire logic [1:0] kept1 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[1] ;
  wire logic [1:0] kept2 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[2] ;
  wire logic [1:0] kept3 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[3] ;
  wire logic [1:0] kept4 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[4] ;
  wire logic [1:0] kept5 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[5] ;
  wire logic [1:0] kept6 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[6] ;
  wire logic [1:0] kept7 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.gen_distributed.frame_mem[7] ;
  wire logic decision_valid = \u_order.decision_valid ;
  wire logic decision_escalate = \u_order.decision_escalate ;
  wire logic [1:0] decision_slot = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.u_decide.decision_slot_o ;
  wire logic [25:0] decision_user = \u_order.decision_user ;
  wire logic exit_valid0 = \u_order.exit_valid0 ;
  wire logic [63:0] exit_word0 = \u_order.exit_word0 ;
  wire logic exit_valid1 = \u_order.exit_valid1 ;
  wire logic [63:0] exit_word1 = \u_order.exit_word1 ;
  wire logic on_valid = \u_order.on_valid ;
  wire logic on_last = \u_order.on_last ;
  wire logic [25:0] on_user = \u_order.on_user ;
  wire logic [1:0] on_data = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.m_axis_tdata ;
  wire logic merged_valid = \u_order.merged_valid ;
  wire logic [64:0] merged_word = \u_order.merged_word ;
  wire logic spare_valid = \u_order.spare_valid ;
  wire logic [63:0] spare_word = \u_order.spare_word ;
  wire logic skid_valid0 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.u_skid.m_axis_tvalid ;
  wire logic [2:0] skid_beat0 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.u_skid.m_axis_tdata ;
  wire logic behind_valid0 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.u_skid.spare_valid_q ;
  wire logic [2:0] behind_beat0 = \u_order.u_count.u_env.u_dut.gen_level[0].u_level.u_skid.spare_q ;
  wire logic [1:0] stage_count0 = \u_order.u_count.u_env.gen_stage[0].u_stage.count_q ;
  wire logic [7:0] stage_beat0 = \u_order.u_count.u_env.gen_stage[0].u_stage.beat_q ;
  wire logic [7:0] stage_frames0 = \u_order.u_count.u_env.gen_stage[0].u_stage.frames_q ;
  wire logic [3:0] stage_partial0 = \u_order.u_count.u_env.gen_stage[0].u_stage.partial_q ;
  wire logic skid_valid1 = \u_order.u_count.u_env.u_dut.gen_level[1].u_level.u_skid.m_axis_tvalid ;
  wire logic [2:0] skid_beat1 = \u_order.u_count.u_env.u_dut.gen_level[1].u_level.u_skid.m_axis_tdata ;
  wire logic behind_valid1 = \u_order.u_count.u_env.u_dut.gen_level[1].u_level.u_skid.spare_valid_q ;
  wire logic [2:0] behind_beat1 = \u_order.u_count.u_env.u_dut.gen_level[1].u_level.u_skid.spare_q ;
  wire logic [1:0] stage_count1 = \u_order.u_count.u_env.gen_stage[1].u_stage.count_q ;
  wire logic [7:0] stage_beat1 = \u_order.u_count.u_env.gen_stage[1].u_stage.beat_q ;
  wire logic [7:0] stage_frames1 = \u_order.u_count.u_env.gen_stage[1].u_stage.frames_q ;
  wire logic [3:0] stage_partial1 = \u_order.u_count.u_env.gen_stage[1].u_stage.partial_q ;
  logic [7:0] free_words_q, free_words;
  assign free_words_q = {free_word3, free_word2, free_word1, free_word0};
  fv_fifo_view #(
      .Bits(2)
  ) u_free_view (
      .read_i (free_read),
      .words_i(free_words_q),
      .words_o(free_words)
  );

  // ---- What is known of the frame ---------------------------------------------------------------
  logic known_q, entering_q, beat_q, answered_q, starts, fire, deliver;
  logic [28:0] user_q;  // as hwf_decide has it: threshold, place, shed, order, force, flags, id
  logic [15:0] accepted_q;
  logic [3:0] data_q, margins_q;
  logic [1:0] passed_q, judged_q;  // stages that have it whole; stages that answered
  assign fire = in_valid && in_ready;
  assign deliver = result_valid && result_ready;
  assign starts = accepted && pick && !known_q;

  for (genvar k = 0; k < 2; k++) begin : gen_seen
    always_ff @(posedge ap_clk) begin
      if (!core_rst_n) begin
        passed_q[k] <= 1'b0;
        judged_q[k] <= 1'b0;
      end else begin
        if (stage_frame[k] && stage_frame_data[4*k]) passed_q[k] <= 1'b1;
        if (verdict_valid[k] && verdict_ready[k] && verdict_label[12*k]) judged_q[k] <= 1'b1;
      end
      if (!judged_q[k]) margins_q[2*k+:2] <= verdict_margin[2*k+:2];
    end
  end

  always_ff @(posedge ap_clk) begin
    if (!core_rst_n) begin
      known_q <= 1'b0;
      entering_q <= 1'b0;
      answered_q <= 1'b0;
      accepted_q <= '0;
      beat_q <= 1'b0;
    end else begin
      if (starts) known_q <= 1'b1;
      if (accepted) accepted_q <= accepted_q + 1'b1;
      if (deliver && result[16]) answered_q <= 1'b1;
      if (fire && !draining) begin
        beat_q <= !in_last && !beat_q;
        entering_q <= starts && !in_last;
      end
    end
    if (starts) begin
      user_q <= {
        threshold[31:2] != '0, threshold[1:0], next_place[0], shed, order && ReorderFrames != 0,
        force_stage, force_enable, 1'b0, in_last, accepted_q
      };
      data_q <= {2'b00, in};
    end else if (fire && entering_q) begin
      user_q[17] <= !in_last;
      data_q[3:2] <= in;
    end
    if (core_rst_n && accepted) begin
      assume (in[0] == starts);
      assume (!known_q || guard_id != user_q[15:0]);
      if (starts) assume (inside == '0);
    end
  end

  // ---- Where it is: who has its id --------------------------------------------------------------
  logic [15:0] id;
  assign id = known_q ? user_q[15:0] : guard_id;

  logic at_entry, at_fork0, at_decision, at_fork1, at_exit0, at_exit1, at_merge, at_leaving;
  logic at_result, at_spare;
  logic [1:0] at_store;
  logic [2:0] at_ticket, at_wait, at_last;
  assign at_entry = guard_beat && guard_id == id;
  assign at_fork0 = guard_valid && guard_last && !done0[1] && guard_user[15:0] == id;
  assign at_decision = decision_valid && decision_escalate && decision_user[15:0] == id;
  assign at_fork1 = on_valid && on_last && !done1[1] && on_user[15:0] == id;
  assign at_exit0 = exit_valid0 && exit_word0[15:0] == id;
  assign at_exit1 = exit_valid1 && exit_word1[15:0] == id;
  assign at_merge = merged_valid && merged_word[15:0] == id;
  assign at_store[0] = full[0] && stored_words[15:0] == id;
  assign at_store[1] = full[1] && stored_words[79:64] == id;
  assign at_leaving = leaving_valid && leaving_word[15:0] == id;
  assign at_result = result_valid && result[15:0] == id;
  assign at_spare = spare_valid && spare_word[15:0] == id;
  for (genvar i = 0; i < 3; i++) begin : gen_at
    assign at_ticket[i] = i < 32'(ticket_count) && ticket_words[31*i+2+:16] == id;
    assign at_wait[i] = i < 32'(wait_count) && wait_words[28*i+2+:16] == id;
    assign at_last[i] = i < 32'(last_count) && last_words[26*i+:16] == id;
  end
  logic [7:0] inside;
  assign inside = 8'(at_entry) + 8'(at_fork0) + 8'(at_decision) + 8'(at_fork1) + 8'(at_exit0)
      + 8'(at_exit1) + 8'(at_merge) + 8'(at_store[0]) + 8'(at_store[1]) + 8'(at_leaving)
      + 8'(at_result) + 8'(at_spare)
      + 8'(at_ticket[0]) + 8'(at_ticket[1]) + 8'(at_ticket[2])
      + 8'(at_wait[0]) + 8'(at_wait[1]) + 8'(at_wait[2])
      + 8'(at_last[0]) + 8'(at_last[1]) + 8'(at_last[2]);

  // Frames in the order in which a level keeps them: tickets, then the one that comes in.
  logic [7:0] order0, order1;
  always_comb begin
    order0 = 8'(at_ticket);
    order0[32'(ticket_count)] = at_entry || at_fork0;
    order1 = 8'(at_last);
    order1[32'(last_count)] = at_fork1 || (read_beat && at_wait[0]);
  end

  // ---- What it is worth by its verdicts ---------------------------------------------------------
  logic forced, unsure, escalates;
  assign forced = user_q[18];
  assign unsure = user_q[28] || margins_q[1:0] < user_q[27:26];
  assign escalates = forced ? user_q[22:19] != '0 : unsure;

  // Result words on their way: of the decisions, in the merge, in the reorder store and its output,
  // in the output and behind it.
  localparam int unsigned WORDS = 8;
  logic [64*WORDS-1:0] words;
  logic [WORDS-1:0] words_valid, words_here, words_right;
  assign words = {
    spare_word, result, leaving_word, stored_words, merged_word[63:0], exit_word1, exit_word0
  };
  assign words_valid = {
    spare_valid, result_valid, leaving_valid, full, merged_valid, exit_valid1, exit_valid0
  };
  assign words_here = {
    at_spare, at_result, at_leaving, at_store, at_merge, at_exit1, at_exit0
  };
  for (genvar i = 0; i < WORDS; i++) begin : gen_word
    logic [63:0] word;
    logic went, was_shed;
    logic [23:0] margin;
    assign word = words[64*i+:64];
    assign went = word[28];
    assign was_shed = word[59];
    assign margin = 24'(went ? margins_q[3:2] : margins_q[1:0]);
    assign words_right[i] = !words_valid[i] || (word[16] == (known_q && words_here[i])
        && word[31:29] == '0 && (i > 1 || went == (i == 1)) && (!known_q || !words_here[i]
            || (word == {3'd0, user_q[23], was_shed, forced, user_q[17:16], margin, 3'd0, went,
                    12'(data_q), id}
                && judged_q == {went, 1'b1} && passed_q == {went, 1'b1}
                && (went ? escalates && !was_shed
                    : was_shed ? user_q[24] && unsure && !forced : !escalates))));
  end

  // ---- Its beats, wherever they are -------------------------------------------------------------
  logic [7:0] is0, is1;  // by place in a level's order: it is the followed frame
  assign is0 = known_q ? order0 : '0;
  assign is1 = known_q ? order1 : '0;
  logic [15:0] kept;
  assign kept = {kept7, kept6, kept5, kept4, kept3, kept2, kept1, kept0};

  // A frame's two beats are right: if it is the followed one, its own, else bit 0 is 0.
  logic [2:0] ticket_right, wait_right, once;
  for (genvar i = 0; i < 3; i++) begin : gen_slot
    logic [1:0] ticket_slot, wait_slot;
    logic [3:0] ticket_beats, wait_beats;
    logic [7:0] uses;
    assign ticket_slot = ticket_words[31*i+:2];
    assign wait_slot = wait_words[28*i+:2];
    assign ticket_beats = {kept[8+2*ticket_slot+:2], kept[2*ticket_slot+:2]};
    assign wait_beats = {kept[8+2*wait_slot+:2], kept[2*wait_slot+:2]};
    assign ticket_right[i] = i >= 32'(ticket_count) || (ticket_beats[0] == is0[i]
        && (!is0[i] || (ticket_beats == data_q && ticket_words[31*i+2+:29] == user_q)));
    assign wait_right[i] = i >= 32'(wait_count) || (wait_beats[0] == (known_q && at_wait[i])
        && (!known_q || !at_wait[i]
            || (wait_beats == data_q && wait_words[28*i+2+:26] == user_q[25:0])));
    always_comb begin
      uses = 8'(i >= 32'(fresh)) + 8'(decision_valid && decision_slot == 2'(i));
      for (int unsigned j = 0; j < 3; j++) begin
        if (j < 32'(free_count) && free_words[2*j+:2] == 2'(i)) uses = uses + 1'b1;
        if (j < 32'(ticket_count) && ticket_words[31*j+:2] == 2'(i)) uses = uses + 1'b1;
        if (j < 32'(wait_count) && wait_words[28*j+:2] == 2'(i)) uses = uses + 1'b1;
      end
    end
    assign once[i] = uses == 8'd1;
  end
  logic [3:0] decision_beats;
  assign decision_beats = {kept[8+2*decision_slot+:2], kept[2*decision_slot+:2]};

  logic [1:0] stages_right;
  logic [7:0] masks;
  for (genvar k = 0; k < 2; k++) begin : gen_stage
    logic [7:0] is_here;
    logic [1:0] count, first, second, complete_right;
    logic beat, skid_valid, behind_valid, fork_valid, fork_beat, fork_is;
    logic [1:0] skid, behind, fork_data, partial;
    logic [7:0] frames;
    logic current, next;  // the frame whose beats the stage takes now, and the one behind it
    assign is_here = k == 0 ? is0 : is1;
    assign count = k == 0 ? stage_count0 : stage_count1;
    assign beat = k == 0 ? stage_beat0[0] : stage_beat1[0];
    assign partial = k == 0 ? stage_partial0[1:0] : stage_partial1[1:0];
    assign frames = k == 0 ? stage_frames0 : stage_frames1;
    assign skid_valid = k == 0 ? skid_valid0 : skid_valid1;
    assign behind_valid = k == 0 ? behind_valid0 : behind_valid1;
    assign skid = k == 0 ? skid_beat0[1:0] : skid_beat1[1:0];
    assign behind = k == 0 ? behind_beat0[1:0] : behind_beat1[1:0];
    assign current = is_here[32'(count)];
    assign next = is_here[32'(count)+1];
    assign complete_right[0] = count == '0 || (frames[0] == is_here[0]
        && (!is_here[0] || frames[3:0] == data_q));
    assign complete_right[1] = count < 2'd2 || (frames[4] == is_here[1]
        && (!is_here[1] || frames[7:4] == data_q));
    // The beat at the fork: of the newest ticket, if it is a last one that is kept already.
    assign fork_valid = k == 0 ? guard_valid : on_valid;
    assign fork_beat = k == 0 ? !guard_beat : !read_beat;
    assign fork_data = k == 0 ? guard_data : on_data;
    assign fork_is = k == 0
        ? (guard_last && done0[1] ? is_here[32'(ticket_count)-1] : is_here[32'(ticket_count)])
        : (on_last && done1[1] ? is_here[32'(last_count)-1] : is_here[32'(last_count)]);
    assign stages_right[k] = &complete_right
        && (!beat || (partial[0] == current && (!current || partial == data_q[1:0])))
        && (!skid_valid || beat || skid[0] == current)
        && (!skid_valid || !current || skid == (beat ? data_q[3:2] : data_q[1:0]))
        && (!behind_valid || (beat
            ? behind[0] == next && (!next || behind == data_q[1:0])
            : !current || behind == data_q[3:2]))
        && (!fork_valid || fork_beat || fork_data[0] == fork_is)
        && (!fork_valid || !fork_is || fork_data == (fork_beat ? data_q[3:2] : data_q[1:0]));
    assign masks[4*k+:4] = is_here[3:0] & ((4'd1 << count) - 4'd1);
  end

  // ---- Properties -------------------------------------------------------------------------------
  logic mine, went_on;
  logic [1:0] right;
  assign mine = result[16];
  assign went_on = result[28];
  for (genvar k = 0; k < 2; k++) begin : gen_right
    assign right[k] = !(stage_frame[k] && stage_frame_data[4*k])
        || (known_q && !passed_q[k] && stage_frame_data[4*k+:4] == data_q);
  end
  logic at_level0, between;
  assign at_level0 = at_entry || at_fork0 || at_ticket != '0;
  assign between = at_decision || at_wait != '0 || at_fork1 || at_last != '0;

  always_ff @(posedge ap_clk) begin
    if (core_rst_n) begin
      p_whole : assert (&right);
      if (deliver) begin
        p_match : assert (mine == (known_q && result[15:0] == user_q[15:0]));
        p_exits : assert (exits == (2'd1 << result[31:28]) && sheds == (result[59] ? exits : 2'd0));
        if (mine) begin
          p_once : assert (!answered_q);
          p_label : assert (result[27:16] == 12'(data_q));
          p_flags : assert (result[58:56] == user_q[18:16]
              && result[63:60] == {3'd0, user_q[23]});
          p_exit : assert (result[31:29] == '0 && judged_q == {went_on, 1'b1}
              && (went_on ? escalates : !escalates || result[59]));
          p_margin : assert (result[55:32] == 24'(went_on ? margins_q[3:2] : margins_q[1:0]));
          p_shed : assert (!result[59] || (user_q[24] && unsure && !forced && !went_on));
        end
      end
      c_mine_first : cover (deliver && mine && !went_on && !result[59]);
      c_mine_last : cover (deliver && mine && went_on);
      c_mine_shed : cover (deliver && mine && result[59]);
      c_mine_overtaken : cover (deliver && known_q && result[15:0] > user_q[15:0] && !answered_q);
      p_inside : assert (!known_q || inside == 8'(!answered_q));
      p_id : assert (16'(guard_id + 16'(guard_beat)) == accepted_q);

      h_slots : assert (&once);
      h_places : assert (2'(free_write - free_read) == free_count
          && 2'(ticket_write - ticket_read) == ticket_count
          && 2'(wait_write - wait_read) == wait_count && 2'(last_write - last_read) == last_count);
      h_words : assert (&words_right);
      h_tickets : assert (&ticket_right);
      h_waiting : assert (&wait_right);
      h_stages : assert (&stages_right);
      h_beat : assert (beat_q == (guard_state == 2'd0 && guard_beat));
      h_entering : assert (entering_q == (known_q && at_entry && guard_state == 2'd0));
      h_new : assert (known_q || (judged_q == '0 && passed_q == '0 && !answered_q));
      if (known_q) begin
        h_order : assert (ReorderFrames != 0 || (!user_q[23] && !user_q[25]));
        if (at_entry) begin
          h_entry : assert (guard_settings == user_q[28:18] && data_q[3:2] == '0
              && user_q[17:16] == (guard_state == 2'd1 ? 2'b01 : 2'b00));
        end
        if (at_fork0) h_fork0 : assert (guard_user == user_q);
        if (at_fork1) h_fork1 : assert (on_user == user_q[25:0]);
        if (at_decision) h_decision : assert (decision_user == user_q[25:0]);
        for (int unsigned i = 0; i < 3; i++) begin
          if (at_last[i]) assert (last_words[26*i+:26] == user_q[25:0]);
        end
        if (at_level0) h_level0 : assert (passed_q == {1'b0, masks[3:0] != '0} && judged_q == '0);
        if (between) begin
          h_between : assert (passed_q == {masks[7:4] != '0, 1'b1} && judged_q == 2'b01
              && escalates);
        end
      end
      if (decision_valid && decision_escalate) begin
        h_decided : assert (decision_beats[0] == (known_q && at_decision)
            && (!known_q || !at_decision || decision_beats == data_q));
      end
      if (write_beat) begin
        h_write : assert (kept[2*slot] == is0[32'(ticket_count)]
            && (!is0[32'(ticket_count)] || kept[2*slot+:2] == data_q[1:0]));
      end
    end
  end

endmodule

`default_nettype wire
