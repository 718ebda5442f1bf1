// SPDX-License-Identifier: BSD-3-Clause
// hwf_decide against its definition, with `Decisions` thresholds in the ticket; fair sinks.
`default_nettype none

module hwf_decide_fv #(
    parameter bit Last = 1'b0,
    parameter int unsigned Stage = 0,
    parameter int unsigned MarginBits = 3,
    parameter int unsigned Decisions = 1,
    parameter int unsigned Every = 2,
    localparam int unsigned PlaceBits = 2,
    localparam int unsigned SlotBits = 2,
    localparam int unsigned BaseBits = 25 + PlaceBits,
    localparam int unsigned UserBits = BaseBits + Decisions * (MarginBits + 1)
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic [SlotBits-1:0] ticket_slot,
    input wire logic [UserBits-1:0] ticket_user,
    input wire logic ticket_valid,
    input wire logic verdict_valid,
    input wire logic [11:0] verdict_label,
    input wire logic [MarginBits-1:0] verdict_margin,
    input wire logic decision_ready,
    input wire logic queue_full,
    input wire logic exit_ready
);

  localparam int unsigned ON_BITS = Last ? BaseBits : UserBits - (MarginBits + 1);
  localparam int unsigned DECISION_BITS = SlotBits + 1 + ON_BITS;
  localparam int unsigned EXIT_BITS = PlaceBits + 64;

  logic ticket_ready, verdict_ready, decision_valid, decision_escalate, exit_valid;
  logic decided, wished;
  logic [SlotBits-1:0] decision_slot;
  logic [ON_BITS-1:0] decision_user;
  logic [63:0] exit_word;
  logic [PlaceBits-1:0] exit_place;

  hwf_decide #(
      .Stage(Stage),
      .Last(Last),
      .MarginBits(MarginBits),
      .SlotBits(SlotBits),
      .PlaceBits(PlaceBits),
      .UserBits(UserBits)
  ) u_dut (
      .ap_clk,
      .ap_rst_n,
      .ticket_slot_i(ticket_slot),
      .ticket_user_i(ticket_user),
      .ticket_valid_i(ticket_valid),
      .ticket_ready_o(ticket_ready),
      .verdict_valid_i(verdict_valid),
      .verdict_ready_o(verdict_ready),
      .verdict_label_i(verdict_label),
      .verdict_margin_i(verdict_margin),
      .decision_slot_o(decision_slot),
      .decision_escalate_o(decision_escalate),
      .decision_user_o(decision_user),
      .decision_valid_o(decision_valid),
      .decision_ready_i(decision_ready),
      .queue_full_i(queue_full),
      .m_axis_exit_tdata(exit_word),
      .m_axis_exit_tvalid(exit_valid),
      .m_axis_exit_tready(exit_ready),
      .m_axis_exit_tuser(exit_place),
      .decided_o(decided),
      .wished_o(wished)
  );

  logic [DECISION_BITS-1:0] decision;
  logic [EXIT_BITS-1:0] result;
  logic [SlotBits+UserBits-1:0] ticket;
  logic [12+MarginBits-1:0] verdict;
  assign decision = {decision_slot, decision_escalate, decision_user};
  assign result = {exit_place, exit_word};
  assign ticket = {ticket_slot, ticket_user};
  assign verdict = {verdict_label, verdict_margin};

  fv_stable #(
      .Bits(SlotBits + UserBits),
      .Assume(1'b1)
  ) u_ticket (
      .ap_clk,
      .ap_rst_n,
      .valid(ticket_valid),
      .ready(ticket_ready),
      .payload(ticket)
  );
  fv_stable #(
      .Bits(12 + MarginBits),
      .Assume(1'b1)
  ) u_verdict (
      .ap_clk,
      .ap_rst_n,
      .valid(verdict_valid),
      .ready(verdict_ready),
      .payload(verdict)
  );

  // ---- What a pair of ticket and verdict must give ----------------------------------------------
  logic take, force_enable, order, may_shed, is_long, is_short, unsure, shed, leaves;
  logic [3:0] force_stage;
  logic [15:0] id;
  logic [PlaceBits-1:0] place;
  logic [23:0] margin;
  logic [DECISION_BITS-1:0] expected_decision;
  logic [EXIT_BITS-1:0] expected_result;
  assign take = ticket_valid && ticket_ready;
  assign {place, may_shed, order, force_stage, force_enable, is_long, is_short, id}
      = ticket_user[BaseBits-1:0];
  if (Last) begin : gen_last
    assign unsure = 1'b0;
    assign expected_decision = '0;
  end else begin : gen_choose
    logic [MarginBits:0] threshold;
    logic [ON_BITS-1:0] on_user;
    assign threshold = ticket_user[BaseBits+MarginBits:BaseBits];
    assign unsure = threshold[MarginBits] || verdict_margin < threshold[MarginBits-1:0];
    always_comb begin
      for (int unsigned i = 0; i < ON_BITS; i++) begin
        on_user[i] = ticket_user[i<BaseBits?i : i+MarginBits+1];
      end
    end
    assign expected_decision = {ticket_slot, !leaves, on_user};
  end
  always_comb begin
    shed = 1'b0;
    if (Last) leaves = 1'b1;
    else if (force_enable) leaves = force_stage == 4'(Stage);
    else if (!unsure) leaves = 1'b1;
    else begin
      shed   = may_shed && queue_full;
      leaves = shed;
    end
  end
  assign margin = 64'(verdict_margin) > 64'hff_ffff ? 24'hff_ffff : 24'(verdict_margin);
  assign expected_result = {
    place, 3'd0, order, shed, force_enable, is_long, is_short, margin, 4'(Stage), verdict_label, id
  };

  // ---- Both outputs are queues of one -----------------------------------------------------------
  logic decision_push, exit_push, decision_count, exit_count;
  logic [DECISION_BITS-1:0] decision_word;
  logic [EXIT_BITS-1:0] result_word;
  assign decision_push = take && !Last;
  assign exit_push = take && leaves;
  fv_pipe #(
      .Bits (DECISION_BITS),
      .Depth(1),
      .Every(Every)
  ) u_decision (
      .ap_clk,
      .ap_rst_n,
      .in(expected_decision),
      .in_valid(decision_push),
      .in_ready(decision_push),
      .out(decision),
      .out_valid(decision_valid),
      .out_ready(decision_ready),
      .count_o(decision_count),
      .words_o(decision_word)
  );
  fv_pipe #(
      .Bits (EXIT_BITS),
      .Depth(1),
      .Every(Every)
  ) u_exit (
      .ap_clk,
      .ap_rst_n,
      .in(expected_result),
      .in_valid(exit_push),
      .in_ready(exit_push),
      .out(result),
      .out_valid(exit_valid),
      .out_ready(exit_ready),
      .count_o(exit_count),
      .words_o(result_word)
  );

  (* hierconn *)logic [$clog2(Every + 1)-1:0] \u_decision.since ;
  (* hierconn *)logic [$clog2(Every + 1)-1:0] \u_exit.since ;
  (* hierconn *)logic \u_decision.fair ;
  (* hierconn *)logic \u_exit.fair ;
  logic fair;
  assign fair = \u_decision.fair && \u_exit.fair ;
  logic decided_q, wished_q, room_q, allowed_q;
  logic [7:0] waits_q;
  always_ff @(posedge ap_clk) begin
    decided_q <= ap_rst_n && take && !Last && !force_enable;
    if (take) wished_q <= unsure;
    if (take) room_q <= !queue_full;
    if (take) allowed_q <= may_shed && unsure && !force_enable && !Last;
    if (!ap_rst_n || !ticket_valid || !verdict_valid || take) waits_q <= '0;
    else waits_q <= waits_q + 1'b1;
    if (ap_rst_n) begin
      p_join : assert (take == (verdict_valid && verdict_ready));
      if (exit_valid && exit_word[59]) p_shed : assert (!room_q && allowed_q);
      p_events : assert (decided == decided_q && (!decided || wished == wished_q));
      if (fair) p_service : assert (32'(waits_q) < Every);
      h_waits : assert (waits_q == '0 || decision_valid || exit_valid);
      if (decision_valid && fair) h_decision : assert (waits_q <= 8'(\u_decision.since ));
      if (exit_valid && fair) h_exit : assert (waits_q <= 8'(\u_exit.since ));
      if (exit_valid && exit_word[59]) h_shed : assert (!room_q && allowed_q);
    end
  end

endmodule

`default_nettype wire
