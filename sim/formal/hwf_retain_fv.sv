// SPDX-License-Identifier: BSD-3-Clause
// hwf_retain of two to four slots: tickets in order of arrival, frames sent on in order of
// decision with the beats that came in, every slot in exactly one place.
//
// Decisions name any frame whose ticket was taken, in any order; sinks are fair. `polite`: a
// decision to escalate is made only while queue_full_o was low, as hwf_decide does to shed.
// One frame, which the solver picks, is followed beat by beat.
`default_nettype none

module hwf_retain_fv #(
    parameter int unsigned Frames = 3,
    parameter int unsigned Beats = 2,
    parameter int unsigned Queue = 1,
    parameter int unsigned BeatBits = 2,
    parameter int unsigned UserBits = 2,
    parameter int unsigned OnBits = 2,
    parameter int unsigned Every = 2,
    localparam int unsigned SlotBits = $clog2(Frames)
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic [BeatBits-1:0] in,
    input wire logic in_valid,
    input wire logic [UserBits-1:0] in_user,
    input wire logic ticket_ready,
    input wire logic [SlotBits-1:0] decision_slot,
    input wire logic decision_escalate,
    input wire logic [OnBits-1:0] decision_user,
    input wire logic decision_valid,
    input wire logic out_ready,
    input wire logic pick
);

  localparam int unsigned BEAT_COUNT_BITS = Beats > 1 ? $clog2(Beats) : 1;
  localparam int unsigned WAIT = Frames + 1;  // escalated frames: in slots, and in the output

  (* anyconst *)logic polite;
  logic in_ready, in_last, ticket_valid, decision_ready, queue_full, out_valid, out_last;
  logic [SlotBits-1:0] ticket_slot;
  logic [UserBits-1:0] ticket_user;
  logic [BeatBits-1:0] out;
  logic [OnBits-1:0] out_user;
  logic [15:0] occupancy;
  logic [7:0] in_beat_q, out_beat_q;
  assign in_last = 32'(in_beat_q) == Beats - 1;

  hwf_retain #(
      .Frames(Frames),
      .Beats(Beats),
      .BeatBits(BeatBits),
      .UserBits(UserBits),
      .OnBits(OnBits),
      .Queue(Queue)
  ) u_dut (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata(in),
      .s_axis_tvalid(in_valid),
      .s_axis_tready(in_ready),
      .s_axis_tlast(in_last),
      .s_axis_tuser(in_user),
      .ticket_slot_o(ticket_slot),
      .ticket_user_o(ticket_user),
      .ticket_valid_o(ticket_valid),
      .ticket_ready_i(ticket_ready),
      .decision_slot_i(decision_slot),
      .decision_escalate_i(decision_escalate),
      .decision_user_i(decision_user),
      .decision_valid_i(decision_valid),
      .decision_ready_o(decision_ready),
      .queue_full_o(queue_full),
      .m_axis_tdata(out),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_ready),
      .m_axis_tlast(out_last),
      .m_axis_tuser(out_user),
      .occupancy_o(occupancy)
  );

  // ---- Handshakes -------------------------------------------------------------------------------
  logic fire, complete, ticket_fire, decide, escalate, out_fire, out_done;
  assign fire = in_valid && in_ready;
  assign complete = fire && in_last;
  assign ticket_fire = ticket_valid && ticket_ready;
  assign decide = decision_valid && decision_ready;
  assign escalate = decide && decision_escalate;
  assign out_fire = out_valid && out_ready;
  assign out_done = out_fire && out_last;

  logic [BeatBits+UserBits-1:0] in_payload;
  logic [SlotBits+OnBits:0] decision_payload;
  logic [BeatBits+OnBits:0] out_payload;
  logic [UserBits+SlotBits-1:0] ticket_payload;
  assign in_payload = {in_user, in};
  assign decision_payload = {decision_user, decision_escalate, decision_slot};
  assign out_payload = {out_user, out_last, out};
  assign ticket_payload = {ticket_user, ticket_slot};

  fv_stable #(
      .Bits(BeatBits + UserBits),
      .Assume(1'b1)
  ) u_in (
      .ap_clk,
      .ap_rst_n,
      .valid(in_valid),
      .ready(in_ready),
      .payload(in_payload)
  );
  fv_stable #(
      .Bits(OnBits + SlotBits + 1),
      .Assume(1'b1)
  ) u_decision (
      .ap_clk,
      .ap_rst_n,
      .valid(decision_valid),
      .ready(decision_ready),
      .payload(decision_payload)
  );
  fv_stable #(
      .Bits(UserBits + SlotBits)
  ) u_ticket (
      .ap_clk,
      .ap_rst_n,
      .valid(ticket_valid),
      .ready(ticket_ready),
      .payload(ticket_payload)
  );
  fv_stable #(
      .Bits(BeatBits + OnBits + 1)
  ) u_out (
      .ap_clk,
      .ap_rst_n,
      .valid(out_valid),
      .ready(out_ready),
      .payload(out_payload)
  );
  logic fair;
  logic [$clog2(Every + 1)-1:0] since;
  fv_fair #(
      .Every(Every)
  ) u_sink (
      .ap_clk,
      .ap_rst_n,
      .event_i(out_ready),
      .fair_o (fair),
      .since_o(since)
  );

  // ---- What the block's registers and queues hold -----------------------------------------------
  localparam int unsigned FRESH_BITS = $clog2(Frames + 1);
  localparam int unsigned TICKET_BITS = UserBits + SlotBits;
  localparam int unsigned WAIT_BITS = OnBits + SlotBits;
  (* hierconn *)logic [FRESH_BITS-1:0] \u_dut.fresh_q ;
  (* hierconn *)logic [SlotBits-1:0] \u_dut.slot ;
  (* hierconn *)logic [BEAT_COUNT_BITS-1:0] \u_dut.write_beat_q ;
  (* hierconn *)logic [BEAT_COUNT_BITS-1:0] \u_dut.read_beat_q ;
  (* hierconn *)logic [FRESH_BITS-1:0] \u_dut.u_free.count_o ;
  (* hierconn, if_any *)logic [1:0] \u_dut.u_free.genblk2.gen_memory.read_q ;
  (* hierconn, if_any *)logic [1:0] \u_dut.u_free.genblk2.gen_memory.write_q ;
  (* hierconn, if_any *)logic [SlotBits-1:0] \u_dut.u_free.genblk2.gen_memory.mem[0] ;
  (* hierconn, if_any *)logic [SlotBits-1:0] \u_dut.u_free.genblk2.gen_memory.mem[1] ;
  (* hierconn, if_any *)logic [SlotBits-1:0] \u_dut.u_free.genblk2.gen_memory.mem[2] ;
  (* hierconn, if_any *)logic [SlotBits-1:0] \u_dut.u_free.genblk2.gen_memory.mem[3] ;
  (* hierconn, if_any *)logic [SlotBits-1:0] \u_dut.u_free.genblk2.gen_two.behind_q ;
  (* hierconn *)logic [SlotBits-1:0] \u_dut.u_free.m_axis_tdata ;
  (* hierconn, if_any *)logic [FRESH_BITS-1:0] \u_dut.gen_read_free.u_read_free.count_o ;
  (* hierconn, if_any *)logic [1:0] \u_dut.gen_read_free.u_read_free.genblk2.gen_memory.read_q ;
  (* hierconn, if_any *)logic [1:0] \u_dut.gen_read_free.u_read_free.genblk2.gen_memory.write_q ;
  (* hierconn, if_any *)logic [SlotBits-1:0] \u_dut.gen_read_free.u_read_free.genblk2.gen_memory.mem[0] ;
  (* hierconn, if_any *)logic [SlotBits-1:0] \u_dut.gen_read_free.u_read_free.genblk2.gen_memory.mem[1] ;
  (* hierconn, if_any *)logic [SlotBits-1:0] \u_dut.gen_read_free.u_read_free.genblk2.gen_memory.mem[2] ;
  (* hierconn, if_any *)logic [SlotBits-1:0] \u_dut.gen_read_free.u_read_free.genblk2.gen_memory.mem[3] ;
  (* hierconn, if_any *)logic [SlotBits-1:0] \u_dut.gen_read_free.u_read_free.genblk2.gen_two.behind_q ;
  (* hierconn, if_any *)logic [SlotBits-1:0] \u_dut.gen_read_free.u_read_free.m_axis_tdata ;
  (* hierconn *)logic [FRESH_BITS-1:0] \u_dut.u_tickets.count_o ;
  (* hierconn, if_any *)logic [1:0] \u_dut.u_tickets.genblk2.gen_memory.read_q ;
  (* hierconn, if_any *)logic [1:0] \u_dut.u_tickets.genblk2.gen_memory.write_q ;
  (* hierconn, if_any *)logic [TICKET_BITS-1:0] \u_dut.u_tickets.genblk2.gen_memory.mem[0] ;
  (* hierconn, if_any *)logic [TICKET_BITS-1:0] \u_dut.u_tickets.genblk2.gen_memory.mem[1] ;
  (* hierconn, if_any *)logic [TICKET_BITS-1:0] \u_dut.u_tickets.genblk2.gen_memory.mem[2] ;
  (* hierconn, if_any *)logic [TICKET_BITS-1:0] \u_dut.u_tickets.genblk2.gen_memory.mem[3] ;
  (* hierconn, if_any *)logic [TICKET_BITS-1:0] \u_dut.u_tickets.genblk2.gen_two.behind_q ;
  (* hierconn *)logic [TICKET_BITS-1:0] \u_dut.u_tickets.m_axis_tdata ;
  (* hierconn *)logic [FRESH_BITS-1:0] \u_dut.u_waiting.count_o ;
  (* hierconn, if_any *)logic [1:0] \u_dut.u_waiting.genblk2.gen_memory.read_q ;
  (* hierconn, if_any *)logic [1:0] \u_dut.u_waiting.genblk2.gen_memory.write_q ;
  (* hierconn, if_any *)logic [WAIT_BITS-1:0] \u_dut.u_waiting.genblk2.gen_memory.mem[0] ;
  (* hierconn, if_any *)logic [WAIT_BITS-1:0] \u_dut.u_waiting.genblk2.gen_memory.mem[1] ;
  (* hierconn, if_any *)logic [WAIT_BITS-1:0] \u_dut.u_waiting.genblk2.gen_memory.mem[2] ;
  (* hierconn, if_any *)logic [WAIT_BITS-1:0] \u_dut.u_waiting.genblk2.gen_memory.mem[3] ;
  (* hierconn, if_any *)logic [WAIT_BITS-1:0] \u_dut.u_waiting.genblk2.gen_two.behind_q ;
  (* hierconn *)logic [WAIT_BITS-1:0] \u_dut.u_waiting.m_axis_tdata ;

  // The queues' words from the oldest on.
  logic [4*SlotBits-1:0] free_memory, free_words, read_free_memory, read_free_words;
  logic [4*TICKET_BITS-1:0] ticket_memory, ticket_words;
  logic [4*WAIT_BITS-1:0] wait_memory, wait_words;
  fv_fifo_view #(
      .Bits(SlotBits)
  ) u_free_view (
      .read_i(\u_dut.u_free.genblk2.gen_memory.read_q ),
      .words_i({
        \u_dut.u_free.genblk2.gen_memory.mem[3] ,
        \u_dut.u_free.genblk2.gen_memory.mem[2] ,
        \u_dut.u_free.genblk2.gen_memory.mem[1] ,
        \u_dut.u_free.genblk2.gen_memory.mem[0]
      }),
      .words_o(free_memory)
  );
  fv_fifo_view #(
      .Bits(SlotBits)
  ) u_read_free_view (
      .read_i(\u_dut.gen_read_free.u_read_free.genblk2.gen_memory.read_q ),
      .words_i({
        \u_dut.gen_read_free.u_read_free.genblk2.gen_memory.mem[3] ,
        \u_dut.gen_read_free.u_read_free.genblk2.gen_memory.mem[2] ,
        \u_dut.gen_read_free.u_read_free.genblk2.gen_memory.mem[1] ,
        \u_dut.gen_read_free.u_read_free.genblk2.gen_memory.mem[0]
      }),
      .words_o(read_free_memory)
  );
  fv_fifo_view #(
      .Bits(TICKET_BITS)
  ) u_ticket_view (
      .read_i(\u_dut.u_tickets.genblk2.gen_memory.read_q ),
      .words_i({
        \u_dut.u_tickets.genblk2.gen_memory.mem[3] ,
        \u_dut.u_tickets.genblk2.gen_memory.mem[2] ,
        \u_dut.u_tickets.genblk2.gen_memory.mem[1] ,
        \u_dut.u_tickets.genblk2.gen_memory.mem[0]
      }),
      .words_o(ticket_memory)
  );
  fv_fifo_view #(
      .Bits(WAIT_BITS)
  ) u_wait_view (
      .read_i(\u_dut.u_waiting.genblk2.gen_memory.read_q ),
      .words_i({
        \u_dut.u_waiting.genblk2.gen_memory.mem[3] ,
        \u_dut.u_waiting.genblk2.gen_memory.mem[2] ,
        \u_dut.u_waiting.genblk2.gen_memory.mem[1] ,
        \u_dut.u_waiting.genblk2.gen_memory.mem[0]
      }),
      .words_o(wait_memory)
  );
  // Queues of two words are registers.
  assign free_words = Frames > 2 ? free_memory
      : (4 * SlotBits)'({\u_dut.u_free.genblk2.gen_two.behind_q , \u_dut.u_free.m_axis_tdata });
  assign read_free_words = Frames > 2 ? read_free_memory
      : (4 * SlotBits)'({
        \u_dut.gen_read_free.u_read_free.genblk2.gen_two.behind_q , \u_dut.gen_read_free.u_read_free.m_axis_tdata
      });
  assign ticket_words = Frames > 2 ? ticket_memory
      : (4 * TICKET_BITS)'({\u_dut.u_tickets.genblk2.gen_two.behind_q , \u_dut.u_tickets.m_axis_tdata });
  assign wait_words = Frames > 2 ? wait_memory
      : (4 * WAIT_BITS)'({\u_dut.u_waiting.genblk2.gen_two.behind_q , \u_dut.u_waiting.m_axis_tdata });

  logic [7:0] free_count, read_free_count, ticket_count, wait_count, fresh;
  logic [SlotBits-1:0] dut_slot;
  assign free_count = 8'(\u_dut.u_free.count_o );
  // The reader has a list of its own only where a frame is one beat.
  assign read_free_count = Beats == 1 ? 8'(\u_dut.gen_read_free.u_read_free.count_o ) : '0;
  assign ticket_count = 8'(\u_dut.u_tickets.count_o );
  assign wait_count = 8'(\u_dut.u_waiting.count_o );
  assign fresh = 8'(\u_dut.fresh_q );
  assign dut_slot = \u_dut.slot ;

  // ---- Tickets leave in order of arrival --------------------------------------------------------
  logic [$clog2(Frames + 1)-1:0] tickets;
  logic [Frames*UserBits-1:0] ticket_users;
  fv_pipe #(
      .Bits (UserBits),
      .Depth(Frames),
      .Every(Every)
  ) u_tickets (
      .ap_clk,
      .ap_rst_n,
      .in(in_user),
      .in_valid(complete),
      .in_ready(complete),
      .out(ticket_user),
      .out_valid(ticket_valid),
      .out_ready(ticket_ready),
      .count_o(tickets),
      .words_o(ticket_users)
  );

  // ---- Escalated frames leave in order of decision ----------------------------------------------
  logic [$clog2(WAIT + 1)-1:0] waiting;
  logic [WAIT*OnBits-1:0] waiting_users;
  logic [$clog2((WAIT + 1) * (Beats * Every + 1) + 1)-1:0] idle;
  fv_queue #(
      .Bits  (OnBits),
      .Depth (WAIT),
      .Within(Beats * Every + 1)
  ) u_waiting (
      .ap_clk,
      .ap_rst_n,
      .fair,
      .push(escalate),
      .push_data(decision_user),
      .pop(out_done),
      .pop_data(out_user),
      .count_o(waiting),
      .words_o(waiting_users),
      .idle_o(idle)
  );

  // ---- Slots of frames whose ticket was taken and whose decision is still to come ---------------
  logic [3:0] outside_q;
  logic full_q;
  logic [7:0] decision_waits_q;
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) outside_q <= '0;
    else begin
      if (ticket_fire) outside_q[ticket_slot] <= 1'b1;
      if (decide) outside_q[decision_slot] <= 1'b0;
    end
    full_q <= queue_full;
    if (!ap_rst_n || !decision_valid || decision_ready) decision_waits_q <= '0;
    else decision_waits_q <= decision_waits_q + 1'b1;
    if (ap_rst_n && decision_valid) begin
      assume (outside_q[decision_slot]);
      if (polite && decision_escalate) assume (!full_q);  // escalation never waits, so it is new
    end
  end

  // ---- The frame that is followed ---------------------------------------------------------------
  typedef enum logic [2:0] {
    NONE,
    WRITTEN,
    TICKET,
    OUTSIDE,
    WAITING
  } where_e;
  where_e where_q;
  logic [2:0] ahead_q;  // frames before it in its queue
  logic [SlotBits-1:0] slot_q;  // as its ticket said
  logic [Beats*BeatBits-1:0] beats_q;
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      where_q <= NONE;
      in_beat_q <= '0;
      out_beat_q <= '0;
    end else begin
      if (fire) in_beat_q <= in_last ? '0 : in_beat_q + 1'b1;
      if (out_fire) out_beat_q <= 32'(out_beat_q) == Beats - 1 ? '0 : out_beat_q + 1'b1;
      case (where_q)
        NONE, WRITTEN: begin
          if (fire && (where_q == WRITTEN || (pick && in_beat_q == '0))) begin
            where_q <= in_last ? TICKET : WRITTEN;
            ahead_q <= 3'(tickets) - 3'(ticket_fire);
          end
        end
        TICKET: begin
          if (ticket_fire && ahead_q == '0) where_q <= OUTSIDE;
          else ahead_q <= ahead_q - 3'(ticket_fire);
        end
        OUTSIDE: begin
          if (decide && decision_slot == slot_q) where_q <= decision_escalate ? WAITING : NONE;
          ahead_q <= 3'(waiting) - 3'(out_done);
        end
        WAITING: begin
          if (out_done && ahead_q == '0) where_q <= NONE;
          else ahead_q <= ahead_q - 3'(out_done);
        end
        default: where_q <= NONE;
      endcase
    end
    if (where_q == NONE) slot_q <= dut_slot;
    if (fire && (where_q == WRITTEN || (where_q == NONE && pick && in_beat_q == '0))) begin
      beats_q[in_beat_q*BeatBits+:BeatBits] <= in;
    end
  end

  logic [7:0] taken;  // slots that hold a frame, or part of one
  assign taken = 8'(tickets) + 8'(waiting) - 8'(out_valid && out_last)
      + 8'(outside_q[0]) + 8'(outside_q[1]) + 8'(outside_q[2]) + 8'(outside_q[3])
      + 8'(in_beat_q != '0);

  logic [Frames-1:0] once;  // slot i is in exactly one place
  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) begin
      if (ticket_fire && where_q == TICKET && ahead_q == '0) begin
        p_ticket : assert (ticket_slot == slot_q);
      end
      if (out_fire && where_q == WAITING && ahead_q == '0) begin
        p_data : assert (out == beats_q[out_beat_q*BeatBits+:BeatBits]);
      end
      if (out_fire) p_frame : assert (out_last == (32'(out_beat_q) == Beats - 1));
      p_slots : assert (&once);
      p_occupancy : assert (occupancy == 16'(taken) && 32'(taken) <= Frames);
      p_free : assert (in_ready || 32'(taken) == Frames);
      if (polite) p_queue : assert (32'(wait_count) <= Queue);
      p_decide : assert (32'(decision_waits_q) < (Beats == 1 ? 1 : 2));
    end
  end

  for (genvar s = 0; s < Frames; s++) begin : gen_slot
    logic [7:0] places;
    always_comb begin
      places = 8'(s >= 32'(fresh)) + 8'(outside_q[s]);
      for (int unsigned i = 0; i < Frames; i++) begin
        if (i < 32'(free_count) && free_words[SlotBits*i+:SlotBits] == SlotBits'(s)) places = places + 1'b1;
        if (i < 32'(read_free_count) && read_free_words[SlotBits*i+:SlotBits] == SlotBits'(s)) begin
          places = places + 1'b1;
        end
        if (i < 32'(ticket_count) && ticket_words[TICKET_BITS*i+:SlotBits] == SlotBits'(s)) begin
          places = places + 1'b1;
        end
        if (i < 32'(wait_count) && wait_words[WAIT_BITS*i+:SlotBits] == SlotBits'(s)) begin
          places = places + 1'b1;
        end
      end
    end
    assign once[s] = places == 8'd1;
  end

  // The register at the output may hold the last beat of a frame whose slot is free again.
  logic gone;
  assign gone = out_valid && out_last;
  logic [Frames-1:0] same_ticket, same_wait;
  for (genvar i = 0; i < Frames; i++) begin : gen_entry
    logic [OnBits-1:0] expected;
    assign expected = gone ? waiting_users[(i+1)*OnBits+:OnBits] : waiting_users[i*OnBits+:OnBits];
    assign same_ticket[i] = i >= 32'(ticket_count)
        || ticket_words[TICKET_BITS*i+SlotBits+:UserBits] == ticket_users[i*UserBits+:UserBits];
    assign same_wait[i] = i >= 32'(wait_count) || wait_words[WAIT_BITS*i+SlotBits+:OnBits] == expected;
  end

  logic [SlotBits-1:0] ticket_place_slot, wait_place_slot;
  logic [2:0] wait_place;
  assign wait_place = ahead_q - 3'(gone);
  assign ticket_place_slot = ticket_words[TICKET_BITS*ahead_q[1:0]+:SlotBits];
  assign wait_place_slot = wait_words[WAIT_BITS*wait_place[1:0]+:SlotBits];

  // The memory holds the followed frame's beats, as far as they came in and must still be read.
  logic [Beats-1:0] kept;
  (* hierconn *)logic [BeatBits-1:0] \u_dut.gen_distributed.frame_mem[0] ;
  (* hierconn *)logic [BeatBits-1:0] \u_dut.gen_distributed.frame_mem[1] ;
  (* hierconn, if_any *)logic [BeatBits-1:0] \u_dut.gen_distributed.frame_mem[2] ;
  (* hierconn, if_any *)logic [BeatBits-1:0] \u_dut.gen_distributed.frame_mem[3] ;
  (* hierconn, if_any *)logic [BeatBits-1:0] \u_dut.gen_distributed.frame_mem[4] ;
  (* hierconn, if_any *)logic [BeatBits-1:0] \u_dut.gen_distributed.frame_mem[5] ;
  (* hierconn, if_any *)logic [BeatBits-1:0] \u_dut.gen_distributed.frame_mem[6] ;
  (* hierconn, if_any *)logic [BeatBits-1:0] \u_dut.gen_distributed.frame_mem[7] ;
  logic [8*BeatBits-1:0] memory;
  assign memory = {
    \u_dut.gen_distributed.frame_mem[7] ,
    \u_dut.gen_distributed.frame_mem[6] ,
    \u_dut.gen_distributed.frame_mem[5] ,
    \u_dut.gen_distributed.frame_mem[4] ,
    \u_dut.gen_distributed.frame_mem[3] ,
    \u_dut.gen_distributed.frame_mem[2] ,
    \u_dut.gen_distributed.frame_mem[1] ,
    \u_dut.gen_distributed.frame_mem[0] 
  };
  for (genvar b = 0; b < Beats; b++) begin : gen_beat
    logic needed;
    assign needed = where_q == TICKET || where_q == OUTSIDE
        || (where_q == WRITTEN && b < 32'(in_beat_q))
        || (where_q == WAITING && !(ahead_q == '0 && gone));
    assign kept[b] = !needed
        || memory[((b<<SlotBits)+32'(slot_q))*BeatBits+:BeatBits] == beats_q[b*BeatBits+:BeatBits];
  end

  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) begin
      h_free_places : assert (Frames == 2 || 2'(\u_dut.u_free.genblk2.gen_memory.write_q
          - \u_dut.u_free.genblk2.gen_memory.read_q ) == free_count[1:0]);
      h_read_free_places : assert (Frames == 2 || Beats > 1 || 2'(\u_dut.gen_read_free.u_read_free.genblk2.gen_memory.write_q
          - \u_dut.gen_read_free.u_read_free.genblk2.gen_memory.read_q ) == read_free_count[1:0]);
      h_ticket_places : assert (Frames == 2 || 2'(\u_dut.u_tickets.genblk2.gen_memory.write_q
          - \u_dut.u_tickets.genblk2.gen_memory.read_q ) == ticket_count[1:0]);
      h_wait_places : assert (Frames == 2 || 2'(\u_dut.u_waiting.genblk2.gen_memory.write_q
          - \u_dut.u_waiting.genblk2.gen_memory.read_q ) == wait_count[1:0]);
      h_sum : assert (Frames - 32'(fresh) + 32'(free_count) + 32'(read_free_count) + 32'(taken)
          - 32'(in_beat_q != '0) == Frames && 32'(fresh) <= Frames);
      h_outside : assert (outside_q >> Frames == '0);
      h_tickets : assert (ticket_count == 8'(tickets));
      h_waiting : assert (wait_count + 8'(gone) == 8'(waiting));
      h_same : assert (&same_ticket && &same_wait);
      h_in_beat : assert (8'(\u_dut.write_beat_q ) == in_beat_q && 32'(in_beat_q) < Beats);
      h_read_beat : assert (32'(\u_dut.read_beat_q ) < Beats);
      h_room : assert (in_beat_q == '0 || 32'(fresh) != Frames || free_count != '0);
      h_out_beat : assert (32'(out_beat_q) < Beats && out_beat_q == (!out_valid
          ? 8'(\u_dut.read_beat_q )
          : \u_dut.read_beat_q == '0 ? 8'(Beats - 1) : 8'(\u_dut.read_beat_q ) - 1'b1));
      if (polite && !full_q) h_full : assert (32'(wait_count) < Queue);
      h_reading : assert (\u_dut.read_beat_q == '0 || (out_valid && wait_count != '0));
      if (out_valid) begin
        h_last : assert (out_last == (32'(out_beat_q) == Beats - 1));
        h_user : assert (waiting != '0 && out_user == waiting_users[OnBits-1:0]);
      end
      if (fair) h_pace : assert (32'(idle) <= (out_valid ? 32'(out_beat_q) * Every + 32'(since) + 1 : 0));
      h_turn : assert (decision_waits_q == '0 || \u_dut.read_beat_q == '0);

      case (where_q)
        WRITTEN: h_written : assert (in_beat_q != '0 && slot_q == dut_slot);
        TICKET: h_ticket : assert (ahead_q < 3'(ticket_count) && slot_q == ticket_place_slot);
        OUTSIDE: h_away : assert (outside_q[slot_q]);
        WAITING: begin
          h_wait : assert (ahead_q < 3'(waiting)
              && ((gone && ahead_q == '0) || slot_q == wait_place_slot));
        end
        default: h_none : assert (where_q == NONE);
      endcase
      h_kept : assert (&kept);
      if (where_q == WAITING && ahead_q == '0 && out_valid) begin
        h_out : assert (out == beats_q[out_beat_q*BeatBits+:BeatBits]);
      end
    end
  end

endmodule

`default_nettype wire
