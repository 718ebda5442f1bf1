// SPDX-License-Identifier: BSD-3-Clause
// hwf_cascade of two stages with a reorder store of two places, or none, by induction, on top of
// hwf_cascade_count_fv: results of ordered frames leave in order of acceptance.
//
// Beside it stands a queue of the numbers of ordered frames that are inside. Why it agrees: each
// taken place belongs to one frame, somewhere between guard and store, and that frame's id is the
// number that was accepted when the place was taken (all of them at once, no frame is picked).
`default_nettype none

module hwf_cascade_order_fv #(
    parameter int unsigned FrameBeats = 2,
    parameter int unsigned Queue = 2,
    parameter int unsigned ReorderFrames = 2,
    parameter int unsigned Within = 4
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
    input wire logic [1:0] stage_ready_free,
    input wire logic [1:0] stage_offer,
    input wire logic [3:0] stage_margin,
    input wire logic result_ready
);

  localparam int unsigned PLACES = 2;
  // Numbers of ordered frames: with a place, in the store's output register, in the last one's two.
  localparam int unsigned DEPTH = PLACES + 3;

  hwf_cascade_count_fv #(
      .FrameBeats(FrameBeats),
      .Queue(Queue),
      .ReorderFrames(ReorderFrames),
      .Within(Within),
      .Drains(1'b0)
  ) u_count (
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

  // ---- Registers of the controller --------------------------------------------------------------
  (* hierconn *)logic \u_count.accepted ;
  (* hierconn *)logic [63:0] \u_count.result ;
  (* hierconn *)logic \u_count.result_valid ;
  (* hierconn *)logic \u_count.u_env.u_dut.u_guard.beat_q ;
  (* hierconn *)logic [15:0] \u_count.u_env.u_dut.u_guard.id_q ;
  (* hierconn *)logic [10:0] \u_count.u_env.u_dut.u_guard.settings_q ;
  (* hierconn *)logic \u_count.u_env.u_dut.u_guard.m_axis_tvalid ;
  (* hierconn *)logic \u_count.u_env.u_dut.u_guard.m_axis_tlast ;
  (* hierconn *)logic [28:0] \u_count.u_env.u_dut.u_guard.m_axis_tuser ;
  (* hierconn *)logic [1:0] \u_count.u_env.u_dut.gen_level[0].u_level.u_fork.done_q ;
  (* hierconn *)logic [1:0] \u_count.u_env.u_dut.gen_level[1].u_level.u_fork.done_q ;
  (* hierconn *)logic [1:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.count_o ;
  (* hierconn *)logic [1:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.genblk2.gen_memory.read_q ;
  (* hierconn *)logic [1:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.genblk2.gen_memory.write_q ;
  (* hierconn *)logic [30:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.genblk2.gen_memory.mem[0] ;
  (* hierconn *)logic [30:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.genblk2.gen_memory.mem[1] ;
  (* hierconn *)logic [30:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.genblk2.gen_memory.mem[2] ;
  (* hierconn *)logic [30:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.genblk2.gen_memory.mem[3] ;
  (* hierconn *)logic [1:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.count_o ;
  (* hierconn *)logic [1:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.genblk2.gen_memory.read_q ;
  (* hierconn *)logic [1:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.genblk2.gen_memory.write_q ;
  (* hierconn *)logic [27:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.genblk2.gen_memory.mem[0] ;
  (* hierconn *)logic [27:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.genblk2.gen_memory.mem[1] ;
  (* hierconn *)logic [27:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.genblk2.gen_memory.mem[2] ;
  (* hierconn *)logic [27:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.genblk2.gen_memory.mem[3] ;
  (* hierconn *)logic [1:0] \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.count_o ;
  (* hierconn *)logic [1:0] \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.genblk2.gen_memory.read_q ;
  (* hierconn *)logic [1:0] \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.genblk2.gen_memory.write_q ;
  (* hierconn *)logic [25:0] \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.genblk2.gen_memory.mem[0] ;
  (* hierconn *)logic [25:0] \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.genblk2.gen_memory.mem[1] ;
  (* hierconn *)logic [25:0] \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.genblk2.gen_memory.mem[2] ;
  (* hierconn *)logic [25:0] \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.genblk2.gen_memory.mem[3] ;
  (* hierconn *)logic \u_count.u_env.u_dut.gen_level[0].u_level.u_decide.decision_valid_o ;
  (* hierconn *)logic \u_count.u_env.u_dut.gen_level[0].u_level.u_decide.decision_escalate_o ;
  (* hierconn *)logic [25:0] \u_count.u_env.u_dut.gen_level[0].u_level.u_decide.decision_user_o ;
  (* hierconn *)logic \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.m_axis_tvalid ;
  (* hierconn *)logic \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.m_axis_tlast ;
  (* hierconn *)logic [25:0] \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.m_axis_tuser ;
  (* hierconn *)logic \u_count.u_env.u_dut.gen_level[0].u_level.u_decide.m_axis_exit_tvalid ;
  (* hierconn *)logic [63:0] \u_count.u_env.u_dut.gen_level[0].u_level.u_decide.m_axis_exit_tdata ;
  (* hierconn *)logic \u_count.u_env.u_dut.gen_level[0].u_level.u_decide.m_axis_exit_tuser ;
  (* hierconn *)logic \u_count.u_env.u_dut.gen_level[1].u_level.u_decide.m_axis_exit_tvalid ;
  (* hierconn *)logic [63:0] \u_count.u_env.u_dut.gen_level[1].u_level.u_decide.m_axis_exit_tdata ;
  (* hierconn *)logic \u_count.u_env.u_dut.gen_level[1].u_level.u_decide.m_axis_exit_tuser ;
  (* hierconn *)logic \u_count.u_env.u_dut.u_merge.m_axis_tvalid ;
  (* hierconn *)logic [64:0] \u_count.u_env.u_dut.u_merge.m_axis_tdata ;
  (* hierconn, if_any *)logic [1:0] \u_count.u_env.u_dut.gen_reorder.u_reorder.next_q ;
  (* hierconn, if_any *)logic [1:0] \u_count.u_env.u_dut.gen_reorder.u_reorder.due_q ;
  (* hierconn, if_any *)logic [1:0] \u_count.u_env.u_dut.gen_reorder.u_reorder.full_q ;
  (* hierconn, if_any *)logic [63:0] \u_count.u_env.u_dut.gen_reorder.u_reorder.mem[0] ;
  (* hierconn, if_any *)logic [63:0] \u_count.u_env.u_dut.gen_reorder.u_reorder.mem[1] ;
  (* hierconn, if_any *)logic \u_count.u_env.u_dut.gen_reorder.u_reorder.m_axis_tvalid ;
  (* hierconn, if_any *)logic [63:0] \u_count.u_env.u_dut.gen_reorder.u_reorder.m_axis_tdata ;
  (* hierconn *)logic \u_count.u_env.u_dut.u_result.spare_valid_q ;
  (* hierconn *)logic [63:0] \u_count.u_env.u_dut.u_result.spare_q ;
  (* hierconn *)logic [15:0] \u_count.stored_q ;
  logic accepted;
  assign accepted = \u_count.accepted ;
  logic [63:0] result;
  assign result = \u_count.result ;
  logic result_valid;
  assign result_valid = \u_count.result_valid ;
  logic guard_beat;
  assign guard_beat = \u_count.u_env.u_dut.u_guard.beat_q ;
  logic [15:0] guard_id;
  assign guard_id = \u_count.u_env.u_dut.u_guard.id_q ;
  logic [10:0] guard_settings;
  assign guard_settings = \u_count.u_env.u_dut.u_guard.settings_q ;
  logic guard_valid;
  assign guard_valid = \u_count.u_env.u_dut.u_guard.m_axis_tvalid ;
  logic guard_last;
  assign guard_last = \u_count.u_env.u_dut.u_guard.m_axis_tlast ;
  logic [28:0] guard_user;
  assign guard_user = \u_count.u_env.u_dut.u_guard.m_axis_tuser ;
  logic [1:0] done0;
  assign done0 = \u_count.u_env.u_dut.gen_level[0].u_level.u_fork.done_q ;
  logic [1:0] done1;
  assign done1 = \u_count.u_env.u_dut.gen_level[1].u_level.u_fork.done_q ;
  logic [1:0] ticket_count;
  assign ticket_count = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.count_o ;
  logic [1:0] ticket_read;
  assign ticket_read = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.genblk2.gen_memory.read_q ;
  logic [1:0] ticket_write;
  assign ticket_write = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.genblk2.gen_memory.write_q ;
  logic [30:0] ticket_word0;
  assign ticket_word0 = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.genblk2.gen_memory.mem[0] ;
  logic [30:0] ticket_word1;
  assign ticket_word1 = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.genblk2.gen_memory.mem[1] ;
  logic [30:0] ticket_word2;
  assign ticket_word2 = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.genblk2.gen_memory.mem[2] ;
  logic [30:0] ticket_word3;
  assign ticket_word3 = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_tickets.genblk2.gen_memory.mem[3] ;
  logic [1:0] wait_count;
  assign wait_count = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.count_o ;
  logic [1:0] wait_read;
  assign wait_read = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.genblk2.gen_memory.read_q ;
  logic [1:0] wait_write;
  assign wait_write = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.genblk2.gen_memory.write_q ;
  logic [27:0] wait_word0;
  assign wait_word0 = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.genblk2.gen_memory.mem[0] ;
  logic [27:0] wait_word1;
  assign wait_word1 = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.genblk2.gen_memory.mem[1] ;
  logic [27:0] wait_word2;
  assign wait_word2 = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.genblk2.gen_memory.mem[2] ;
  logic [27:0] wait_word3;
  assign wait_word3 = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.u_waiting.genblk2.gen_memory.mem[3] ;
  logic [1:0] last_count;
  assign last_count = \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.count_o ;
  logic [1:0] last_read;
  assign last_read = \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.genblk2.gen_memory.read_q ;
  logic [1:0] last_write;
  assign last_write = \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.genblk2.gen_memory.write_q ;
  logic [25:0] last_word0;
  assign last_word0 = \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.genblk2.gen_memory.mem[0] ;
  logic [25:0] last_word1;
  assign last_word1 = \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.genblk2.gen_memory.mem[1] ;
  logic [25:0] last_word2;
  assign last_word2 = \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.genblk2.gen_memory.mem[2] ;
  logic [25:0] last_word3;
  assign last_word3 = \u_count.u_env.u_dut.gen_level[1].u_level.gen_last.u_tickets.genblk2.gen_memory.mem[3] ;
  logic decision_valid;
  assign decision_valid = \u_count.u_env.u_dut.gen_level[0].u_level.u_decide.decision_valid_o ;
  logic decision_escalate;
  assign decision_escalate = \u_count.u_env.u_dut.gen_level[0].u_level.u_decide.decision_escalate_o ;
  logic [25:0] decision_user;
  assign decision_user = \u_count.u_env.u_dut.gen_level[0].u_level.u_decide.decision_user_o ;
  logic on_valid;
  assign on_valid = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.m_axis_tvalid ;
  logic on_last;
  assign on_last = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.m_axis_tlast ;
  logic [25:0] on_user;
  assign on_user = \u_count.u_env.u_dut.gen_level[0].u_level.gen_retain.u_retain.m_axis_tuser ;
  logic exit_valid0;
  assign exit_valid0 = \u_count.u_env.u_dut.gen_level[0].u_level.u_decide.m_axis_exit_tvalid ;
  logic [63:0] exit_word0;
  assign exit_word0 = \u_count.u_env.u_dut.gen_level[0].u_level.u_decide.m_axis_exit_tdata ;
  logic exit_place0;
  assign exit_place0 = \u_count.u_env.u_dut.gen_level[0].u_level.u_decide.m_axis_exit_tuser ;
  logic exit_valid1;
  assign exit_valid1 = \u_count.u_env.u_dut.gen_level[1].u_level.u_decide.m_axis_exit_tvalid ;
  logic [63:0] exit_word1;
  assign exit_word1 = \u_count.u_env.u_dut.gen_level[1].u_level.u_decide.m_axis_exit_tdata ;
  logic exit_place1;
  assign exit_place1 = \u_count.u_env.u_dut.gen_level[1].u_level.u_decide.m_axis_exit_tuser ;
  logic merged_valid;
  assign merged_valid = \u_count.u_env.u_dut.u_merge.m_axis_tvalid ;
  logic [64:0] merged_word;
  assign merged_word = \u_count.u_env.u_dut.u_merge.m_axis_tdata ;
  logic [1:0] next_place;
  assign next_place = ReorderFrames == 0 ? '0 : \u_count.u_env.u_dut.gen_reorder.u_reorder.next_q ;
  logic [1:0] due_place;
  assign due_place = ReorderFrames == 0 ? '0 : \u_count.u_env.u_dut.gen_reorder.u_reorder.due_q ;
  logic [1:0] full;
  assign full = ReorderFrames == 0 ? '0 : \u_count.u_env.u_dut.gen_reorder.u_reorder.full_q ;
  logic [63:0] stored_word0;
  assign stored_word0 = \u_count.u_env.u_dut.gen_reorder.u_reorder.mem[0] ;
  logic [63:0] stored_word1;
  assign stored_word1 = \u_count.u_env.u_dut.gen_reorder.u_reorder.mem[1] ;
  logic leaving_valid;
  assign leaving_valid = ReorderFrames == 0 ? '0 : \u_count.u_env.u_dut.gen_reorder.u_reorder.m_axis_tvalid ;
  logic [63:0] leaving_word;
  assign leaving_word = \u_count.u_env.u_dut.gen_reorder.u_reorder.m_axis_tdata ;
  logic spare_valid;
  assign spare_valid = \u_count.u_env.u_dut.u_result.spare_valid_q ;
  logic [63:0] spare_word;
  assign spare_word = \u_count.u_env.u_dut.u_result.spare_q ;
  logic [15:0] stored;
  assign stored = \u_count.stored_q ;
  logic [123:0] ticket_words_q, ticket_words;
  assign ticket_words_q = {ticket_word3, ticket_word2, ticket_word1, ticket_word0};
  fv_fifo_view #(
      .Bits(31)
  ) u_ticket_view (
      .read_i (ticket_read),
      .words_i(ticket_words_q),
      .words_o(ticket_words)
  );
  logic [111:0] wait_words_q, wait_words;
  assign wait_words_q = {wait_word3, wait_word2, wait_word1, wait_word0};
  fv_fifo_view #(
      .Bits(28)
  ) u_wait_view (
      .read_i (wait_read),
      .words_i(wait_words_q),
      .words_o(wait_words)
  );
  logic [103:0] last_words_q, last_words;
  assign last_words_q = {last_word3, last_word2, last_word1, last_word0};
  fv_fifo_view #(
      .Bits(26)
  ) u_last_view (
      .read_i (last_read),
      .words_i(last_words_q),
      .words_o(last_words)
  );

  // ---- Ordered frames, as they are accepted and as their results leave --------------------------
  logic enters, leaves;
  logic [15:0] accepted_q;
  logic [7:0] count_q;
  logic [16*DEPTH-1:0] numbers_q;  // oldest lowest; those from `count_q` on are stale
  assign enters = accepted && order && ReorderFrames != 0;
  assign leaves = result_valid && result_ready && result[60];

  for (genvar i = 0; i < DEPTH; i++) begin : gen_number
    localparam int unsigned BEHIND = i + 1 < DEPTH ? i + 1 : i;
    always_ff @(posedge ap_clk) begin
      // A new one takes the first entry that is free after this clock's result left.
      if (enters && count_q == 8'(i) + 8'(leaves)) numbers_q[16*i+:16] <= accepted_q;
      else if (leaves) numbers_q[16*i+:16] <= numbers_q[16*BEHIND+:16];
    end
  end

  always_ff @(posedge ap_clk) begin
    if (!core_rst_n) begin
      accepted_q <= '0;
      count_q <= '0;
    end else begin
      accepted_q <= accepted_q + 16'(accepted);
      count_q <= count_q + 8'(enters) - 8'(leaves);
    end
  end

  // ---- Frames that carry a place: id, order and place as they stand at each of 16 positions -----
  localparam int unsigned POSITIONS = 16;
  logic [POSITIONS-1:0] here, ordered, place;
  logic [16*POSITIONS-1:0] ids;
  logic [2:0] ticket_here, ticket_ordered, ticket_place, wait_here, wait_ordered, wait_place,
      last_here, last_ordered, last_place;
  logic [47:0] ticket_ids, wait_ids, last_ids;
  for (genvar i = 0; i < 3; i++) begin : gen_queued
    assign ticket_here[i] = i < 32'(ticket_count);
    assign ticket_ids[16*i+:16] = ticket_words[31*i+2+:16];
    assign ticket_ordered[i] = ticket_words[31*i+25];
    assign ticket_place[i] = ticket_words[31*i+27];
    assign wait_here[i] = i < 32'(wait_count);
    assign wait_ids[16*i+:16] = wait_words[28*i+2+:16];
    assign wait_ordered[i] = wait_words[28*i+25];
    assign wait_place[i] = wait_words[28*i+27];
    assign last_here[i] = i < 32'(last_count);
    assign last_ids[16*i+:16] = last_words[26*i+:16];
    assign last_ordered[i] = last_words[26*i+23];
    assign last_place[i] = last_words[26*i+25];
  end
  assign here = {
    guard_beat, guard_valid && guard_last && !done0[1], ticket_here,
    decision_valid && decision_escalate, wait_here, on_valid && on_last && !done1[1], last_here,
    exit_valid0, exit_valid1, merged_valid
  };
  assign ordered = {
    guard_settings[5], guard_user[23], ticket_ordered, decision_user[23], wait_ordered,
    on_user[23], last_ordered, exit_word0[60], exit_word1[60], merged_word[60]
  };
  assign place = {
    guard_settings[7], guard_user[25], ticket_place, decision_user[25], wait_place,
    on_user[25], last_place, exit_place0, exit_place1, merged_word[64]
  };
  assign ids = {
    guard_id, guard_user[15:0], ticket_ids, decision_user[15:0], wait_ids, on_user[15:0], last_ids,
    exit_word0[15:0], exit_word1[15:0], merged_word[15:0]
  };

  logic [31:0] number_q;  // of the frame that took each place
  logic [PLACES-1:0] taken, carried_once, stored_right;
  logic [POSITIONS-1:0] id_right;
  logic [127:0] stored_words;
  logic [1:0] inside;
  assign inside = next_place - due_place;
  assign stored_words = {stored_word1, stored_word0};

  for (genvar p = 0; p < PLACES; p++) begin : gen_place
    logic [7:0] carried;
    always_comb begin
      carried = '0;
      for (int unsigned i = 0; i < POSITIONS; i++) begin
        if (here[i] && ordered[i] && place[i] == 1'(p)) carried = carried + 1'b1;
      end
    end
    assign taken[p] = inside == 2'd2 || (inside == 2'd1 && due_place[0] == 1'(p));
    assign carried_once[p] = carried == 8'(taken[p] && !full[p]);
    assign stored_right[p] = !full[p] || (taken[p] && stored_words[64*p+60]
        && stored_words[64*p+:16] == number_q[16*p+:16]);
    always_ff @(posedge ap_clk) begin
      if (enters && next_place[0] == 1'(p)) number_q[16*p+:16] <= accepted_q;
    end
  end
  for (genvar i = 0; i < POSITIONS; i++) begin : gen_id
    assign id_right[i] = !here[i] || !ordered[i] || ids[16*i+:16] == number_q[16*place[i]+:16];
  end

  // A result that was in the store before it was due.
  logic waited_q;
  logic [15:0] waiting_q;
  always_ff @(posedge ap_clk) begin
    if (!core_rst_n) waited_q <= 1'b0;
    else if (full == 2'd1 << !due_place[0]) waited_q <= 1'b1;
    if (full == 2'd1 << !due_place[0]) waiting_q <= number_q[16*!due_place[0]+:16];
  end

  // The queue as the controller has it: last register, the one behind it, the store's, places.
  logic at_result, at_spare, at_leaving;
  logic [DEPTH-1:0] number_right;
  logic [7:0] before_spare, before_leaving, before_places;
  assign at_result = result_valid && result[60];
  assign at_spare = spare_valid && spare_word[60];
  assign at_leaving = leaving_valid && leaving_word[60];
  assign before_spare = 8'(at_result);
  assign before_leaving = before_spare + 8'(at_spare);
  assign before_places = before_leaving + 8'(at_leaving);
  for (genvar i = 0; i < DEPTH; i++) begin : gen_right
    logic [15:0] number;
    logic of_place;
    assign number = numbers_q[16*i+:16];
    assign of_place = due_place[0] ^ 1'(8'(i) - before_places);
    assign number_right[i] = 8'(i) >= count_q || number == (
        i == 0 && at_result ? result[15:0]
        : 8'(i) == before_spare && at_spare ? spare_word[15:0]
        : 8'(i) == before_leaving && at_leaving ? leaving_word[15:0]
        : number_q[16*of_place+:16]);
  end

  always_ff @(posedge ap_clk) begin
    if (core_rst_n) begin
      if (leaves) p_order : assert (count_q != '0 && result[15:0] == numbers_q[15:0]);
      p_place : assert (&carried_once);
      c_waited : cover (leaves && waited_q && result[15:0] == waiting_q);
      c_full : cover (in_valid && order && enable && inside == 2'(PLACES));
      p_room : assert (32'(count_q) <= DEPTH && 32'(inside) <= PLACES);

      h_id : assert (16'(guard_id + 16'(guard_beat)) == accepted_q);
      h_ids : assert (&id_right);
      h_full : assert (&stored_right);
      if (ReorderFrames != 0) h_stored : assert (stored == 16'(full[0]) + 16'(full[1]) + 16'(leaving_valid));
      h_count : assert (count_q == before_places + 8'(inside));
      h_numbers : assert (&number_right);
      h_queues : assert (2'(ticket_write - ticket_read) == ticket_count
          && 2'(wait_write - wait_read) == wait_count && 2'(last_write - last_read) == last_count);
    end
  end

endmodule

`default_nettype wire
