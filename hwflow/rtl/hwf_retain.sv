// SPDX-License-Identifier: BSD-3-Clause
// Holds whole frames until the decision: gives the frame's slot free, or sends the frame on.
//
// Each frame takes one of `Frames` slots and, once complete, yields a ticket {slot, tuser} in
// order of arrival. A decision names a slot: `escalate` low frees it, high queues the frame for
// m_axis, which frees it when its last beat was read. Slots are freed in any order, so a frame that
// waits for the next stage holds back neither later decisions nor the slots of frames that exited.
// No free slot: the input stalls. Queues hold `Frames` entries, so they never stall by themselves.
// The reader gives a slot back once a frame, and then a decision that frees one waits for a clock;
// frames of a single beat, of which one may be read in every clock, have a list of slots for each.
// `queue_full_o`: `Queue` frames wait for the next stage or are being sent, the one in
// decision_* included; a decision that is made while it is low keeps to `Queue`.
// Memory: 2^⌈log2 Frames⌉ × Beats words at address {beat, slot}, one clocked read port; in block
// RAM if InBlock, else in LUTs.
// Latency: a ticket one clock after tlast; a first beat two clocks after its decision.
// Throughput: one beat a clock in and out, frames back to back. Input `ready` comes from registers.
//
// Frames needed, with the stage's latency L and interval II, the next stage's interval II', the
// escalation rate r and the share p of frames that may stall (hwflow.cascade.retention.depth):
//   ⌈(L + 16) / II⌉ + 1 inside the stage or coming, + 1 being read, + ⌈ln(1/p) / (θ II')⌉ waiting,
// where (1-r) exp(-θ II) + r exp(θ (II' - II)) = 1; one waits where r II' >= II, none if II' <= II.
// That is for frames that escalate by chance; where they come in runs it takes more, see there.
`default_nettype none

module hwf_retain #(
    parameter int unsigned Frames = 4,
    parameter int unsigned Beats = 4,
    parameter int unsigned BeatBits = 64,
    parameter int unsigned UserBits = 8,  // with the frame in
    parameter int unsigned OnBits = 8,    // with the frame on to the next stage
    parameter int unsigned Queue = Frames,
    parameter bit InBlock = 1'b0,
    localparam int unsigned SlotBits = Frames > 1 ? $clog2(Frames) : 1
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [BeatBits-1:0] s_axis_tdata,
    input  wire logic                s_axis_tvalid,
    output      logic                s_axis_tready,
    input  wire logic                s_axis_tlast,
    input  wire logic [UserBits-1:0] s_axis_tuser,

    output      logic [SlotBits-1:0] ticket_slot_o,
    output      logic [UserBits-1:0] ticket_user_o,
    output      logic                ticket_valid_o,
    input  wire logic                ticket_ready_i,

    input  wire logic [SlotBits-1:0] decision_slot_i,
    input  wire logic                decision_escalate_i,
    input  wire logic [  OnBits-1:0] decision_user_i,
    input  wire logic                decision_valid_i,
    output      logic                decision_ready_o,
    output      logic                queue_full_o,

    output      logic [BeatBits-1:0] m_axis_tdata,
    output      logic                m_axis_tvalid,
    input  wire logic                m_axis_tready,
    output      logic                m_axis_tlast,
    output      logic [  OnBits-1:0] m_axis_tuser,

    output logic [15:0] occupancy_o  // slots taken, the frame being written included
);

  if (Frames < 2 || Frames > 32768) begin : gen_check_frames
    $fatal(1, "hwf_retain: Frames must be 2 to 32768");
  end
  if (Queue < 1 || Queue > Frames) begin : gen_check_queue
    $fatal(1, "hwf_retain: Queue must be 1 to Frames");
  end

  localparam int unsigned FRESH_BITS = $clog2(Frames + 1);
  localparam int unsigned BEAT_COUNT_BITS = Beats > 1 ? $clog2(Beats) : 1;
  localparam int unsigned WORDS = Beats << SlotBits;
  // A frame of one beat is addressed by its slot alone.
  localparam int unsigned A_BITS = Beats > 1 ? BEAT_COUNT_BITS + SlotBits : SlotBits;

  // ---- Free slots: those never used since reset, then those given back --------------------------
  // What the reader gives back goes first, where it has a list of its own.
  logic [FRESH_BITS-1:0] fresh_q;
  logic fresh, slot_valid, slot_take;
  logic [SlotBits-1:0] slot, returned, read_returned;
  logic returned_valid, read_returned_valid;
  logic free_valid, read_free_valid;
  logic [SlotBits-1:0] free_slot, read_slot;

  assign fresh = fresh_q != FRESH_BITS'(Frames);
  assign slot = fresh ? fresh_q[SlotBits-1:0] : read_returned_valid ? read_returned : returned;
  assign slot_valid = fresh || read_returned_valid || returned_valid;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) fresh_q <= '0;
    else if (slot_take && fresh) fresh_q <= fresh_q + 1'b1;
  end

  logic free_ready_unused;
  logic [FRESH_BITS-1:0] free_count_unused;
  hwf_fifo #(
      .DataBits(SlotBits),
      .Depth(Frames)
  ) u_free (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata(free_slot),
      .s_axis_tvalid(free_valid),
      .s_axis_tready(free_ready_unused),
      .m_axis_tdata(returned),
      .m_axis_tvalid(returned_valid),
      .m_axis_tready(slot_take && !fresh && !read_returned_valid),
      .count_o(free_count_unused)
  );

  if (Beats == 1) begin : gen_read_free
    logic read_free_ready_unused;
    logic [FRESH_BITS-1:0] read_free_count_unused;
    hwf_fifo #(
        .DataBits(SlotBits),
        .Depth(Frames)
    ) u_read_free (
        .ap_clk,
        .ap_rst_n,
        .s_axis_tdata(read_slot),
        .s_axis_tvalid(read_free_valid),
        .s_axis_tready(read_free_ready_unused),
        .m_axis_tdata(read_returned),
        .m_axis_tvalid(read_returned_valid),
        .m_axis_tready(slot_take && !fresh),
        .count_o(read_free_count_unused)
    );
  end else begin : gen_one_free
    assign read_returned = '0;
    assign read_returned_valid = 1'b0;
  end

  // ---- Write side -------------------------------------------------------------------------------
  logic [BEAT_COUNT_BITS-1:0] write_beat_q;
  logic write;

  assign s_axis_tready = slot_valid;
  assign write = s_axis_tvalid && slot_valid;
  assign slot_take = write && s_axis_tlast;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) write_beat_q <= '0;
    else if (write) write_beat_q <= s_axis_tlast ? '0 : write_beat_q + 1'b1;
  end

  logic ticket_in_ready_unused;
  logic [FRESH_BITS-1:0] ticket_count_unused;
  hwf_fifo #(
      .DataBits(UserBits + SlotBits),
      .Depth(Frames)
  ) u_tickets (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata({s_axis_tuser, slot}),
      .s_axis_tvalid(slot_take),
      .s_axis_tready(ticket_in_ready_unused),
      .m_axis_tdata({ticket_user_o, ticket_slot_o}),
      .m_axis_tvalid(ticket_valid_o),
      .m_axis_tready(ticket_ready_i),
      .count_o(ticket_count_unused)
  );

  // ---- Decisions: free at once, or queue for the reader -----------------------------------------
  // `read_frees`: the reader gives a slot to the list of the decisions, and goes first.
  logic read_done, read_frees, leave;

  assign read_frees = Beats > 1 && read_done;
  assign read_free_valid = Beats == 1 && read_done;
  assign decision_ready_o = decision_escalate_i || !read_frees;
  assign leave = decision_valid_i && !decision_escalate_i && !read_frees;
  assign free_valid = read_frees || leave;
  assign free_slot = read_frees ? read_slot : decision_slot_i;

  logic wait_valid, wait_ready_unused;
  logic [OnBits-1:0] wait_user;
  logic [FRESH_BITS-1:0] wait_count, offered;
  hwf_fifo #(
      .DataBits(OnBits + SlotBits),
      .Depth(Frames)
  ) u_waiting (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata({decision_user_i, decision_slot_i}),
      .s_axis_tvalid(decision_valid_i && decision_escalate_i),
      .s_axis_tready(wait_ready_unused),
      .m_axis_tdata({wait_user, read_slot}),
      .m_axis_tvalid(wait_valid),
      .m_axis_tready(read_done),
      .count_o(wait_count)
  );
  assign offered = FRESH_BITS'(decision_valid_i && decision_escalate_i);
  assign queue_full_o = wait_count >= FRESH_BITS'(Queue) - offered;

  // ---- Read side --------------------------------------------------------------------------------
  logic [BEAT_COUNT_BITS-1:0] read_beat_q;
  logic read, read_last;

  assign read = wait_valid && (!m_axis_tvalid || m_axis_tready);
  assign read_last = read_beat_q == BEAT_COUNT_BITS'(Beats - 1);
  assign read_done = read && read_last;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      read_beat_q   <= '0;
      m_axis_tvalid <= 1'b0;
    end else begin
      if (read) read_beat_q <= read_last ? '0 : read_beat_q + 1'b1;
      if (!m_axis_tvalid || m_axis_tready) m_axis_tvalid <= wait_valid;
    end
    if (read) begin
      m_axis_tlast <= read_last;
      m_axis_tuser <= wait_user;
    end
  end

  // ---- Frame memory: one write port, one clocked read port --------------------------------------
  logic [A_BITS-1:0] write_address, read_address;
  assign write_address = A_BITS'({write_beat_q, slot});
  assign read_address = A_BITS'({read_beat_q, read_slot});
  if (InBlock) begin : gen_block
    (* ram_style = "block" *) logic [BeatBits-1:0] frame_mem[WORDS];
    always_ff @(posedge ap_clk) if (write) frame_mem[write_address] <= s_axis_tdata;
    always_ff @(posedge ap_clk) if (read) m_axis_tdata <= frame_mem[read_address];
  end else begin : gen_distributed
    (* ram_style = "distributed" *) logic [BeatBits-1:0] frame_mem[WORDS];
    always_ff @(posedge ap_clk) if (write) frame_mem[write_address] <= s_axis_tdata;
    always_ff @(posedge ap_clk) if (read) m_axis_tdata <= frame_mem[read_address];
  end

  // ---- Occupancy --------------------------------------------------------------------------------
  logic enter;
  assign enter = write && write_beat_q == '0;
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) occupancy_o <= '0;
    else occupancy_o <= occupancy_o + 16'(enter) - 16'(free_valid) - 16'(read_free_valid);
  end

endmodule

`default_nettype wire
