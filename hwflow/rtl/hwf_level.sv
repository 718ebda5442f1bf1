// SPDX-License-Identifier: BSD-3-Clause
// One level of the cascade: a frame goes to the stage and into retention; the stage's verdict
// makes it exit or sends it to the next level. The last level has no retention: all frames exit.
//
// s_axis_tuser: see hwf_decide. The stage sees frames as `Beats` beats with tlast and answers each
// with one verdict, in order; it carries no id, so tickets wait in a queue beside it.
// Frames inside: `Frames` (last level: `Frames` complete ones inside the stage); beyond it stalls.
// Exit latency: one clock from the verdict to m_axis_exit, which is a register.
// Handshake: `m_axis_stage` is registered both ways; s_axis_tready comes from registers.
`default_nettype none

module hwf_level #(
    parameter int unsigned Stage = 0,
    parameter bit Last = 1'b0,
    parameter int unsigned Frames = 4,
    parameter int unsigned Beats = 4,
    parameter int unsigned BeatBits = 64,
    parameter int unsigned MarginBits = 8,
    parameter int unsigned PlaceBits = 1,
    parameter int unsigned UserBits = 64,
    parameter int unsigned Queue = Frames,
    parameter bit RetainInBlock = 1'b0,
    localparam int unsigned BaseBits = 25 + PlaceBits,
    localparam int unsigned OnBits = Last ? BaseBits : UserBits - (MarginBits + 1)
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [BeatBits-1:0] s_axis_tdata,
    input  wire logic                s_axis_tvalid,
    output      logic                s_axis_tready,
    input  wire logic                s_axis_tlast,
    input  wire logic [UserBits-1:0] s_axis_tuser,

    output      logic [BeatBits-1:0] m_axis_stage_tdata,
    output      logic                m_axis_stage_tvalid,
    input  wire logic                m_axis_stage_tready,
    output      logic                m_axis_stage_tlast,

    input  wire logic                  verdict_valid_i,
    output      logic                  verdict_ready_o,
    input  wire logic [          11:0] verdict_label_i,
    input  wire logic [MarginBits-1:0] verdict_margin_i,

    output      logic [         63:0] m_axis_exit_tdata,
    output      logic                 m_axis_exit_tvalid,
    input  wire logic                 m_axis_exit_tready,
    output      logic [PlaceBits-1:0] m_axis_exit_tuser,

    output      logic [BeatBits-1:0] m_axis_tdata,
    output      logic                m_axis_tvalid,
    input  wire logic                m_axis_tready,
    output      logic                m_axis_tlast,
    output      logic [  OnBits-1:0] m_axis_tuser,

    output logic [15:0] occupancy_o,
    output logic        decided_o,
    output logic        wished_o
);

  localparam int unsigned SLOT_BITS = Frames > 1 ? $clog2(Frames) : 1;

  // ---- The same beat to the stage and to whoever keeps the frame's ticket -----------------------
  logic [BeatBits-1:0] copy;
  logic copy_last;
  logic [UserBits-1:0] copy_user;
  logic to_stage_valid, to_stage_ready, to_keep_valid, to_keep_ready;

  hwf_fork #(
      .DataBits(UserBits + 1 + BeatBits),
      .Outputs (2)
  ) u_fork (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata({s_axis_tuser, s_axis_tlast, s_axis_tdata}),
      .s_axis_tvalid,
      .s_axis_tready,
      .m_axis_tdata({copy_user, copy_last, copy}),
      .m_axis_tvalid({to_keep_valid, to_stage_valid}),
      .m_axis_tready({to_keep_ready, to_stage_ready})
  );

  hwf_skid #(
      .DataBits(1 + BeatBits)
  ) u_skid (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata({copy_last, copy}),
      .s_axis_tvalid(to_stage_valid),
      .s_axis_tready(to_stage_ready),
      .m_axis_tdata({m_axis_stage_tlast, m_axis_stage_tdata}),
      .m_axis_tvalid(m_axis_stage_tvalid),
      .m_axis_tready(m_axis_stage_tready)
  );

  // ---- Tickets ----------------------------------------------------------------------------------
  logic [SLOT_BITS-1:0] ticket_slot, decision_slot;
  logic [UserBits-1:0] ticket_user;
  logic ticket_valid, ticket_ready;
  logic decision_escalate, decision_valid, decision_ready, queue_full;
  logic [OnBits-1:0] decision_user;

  if (Last) begin : gen_last
    logic push_ready;
    logic [$clog2(Frames+1)-1:0] count;
    // Only a frame's last beat leaves a ticket; the others pass.
    hwf_fifo #(
        .DataBits(UserBits),
        .Depth(Frames)
    ) u_tickets (
        .ap_clk,
        .ap_rst_n,
        .s_axis_tdata(copy_user),
        .s_axis_tvalid(to_keep_valid && copy_last),
        .s_axis_tready(push_ready),
        .m_axis_tdata(ticket_user),
        .m_axis_tvalid(ticket_valid),
        .m_axis_tready(ticket_ready),
        .count_o(count)
    );
    assign to_keep_ready = push_ready || !copy_last;
    assign ticket_slot = '0;
    assign decision_ready = 1'b1;
    assign queue_full = 1'b0;
    assign m_axis_tdata = '0;
    assign m_axis_tvalid = 1'b0;
    assign m_axis_tlast = 1'b0;
    assign m_axis_tuser = '0;
    assign occupancy_o = 16'(count);
    logic unused;
    assign unused = &{1'b0, copy, m_axis_tready, decision_slot, decision_escalate,
                      decision_user, decision_valid};
  end else begin : gen_retain
    hwf_retain #(
        .Frames(Frames),
        .Beats(Beats),
        .BeatBits(BeatBits),
        .UserBits(UserBits),
        .OnBits(OnBits),
        .Queue(Queue),
        .InBlock(RetainInBlock)
    ) u_retain (
        .ap_clk,
        .ap_rst_n,
        .s_axis_tdata(copy),
        .s_axis_tvalid(to_keep_valid),
        .s_axis_tready(to_keep_ready),
        .s_axis_tlast(copy_last),
        .s_axis_tuser(copy_user),
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
        .m_axis_tdata,
        .m_axis_tvalid,
        .m_axis_tready,
        .m_axis_tlast,
        .m_axis_tuser,
        .occupancy_o
    );
  end

  hwf_decide #(
      .Stage(Stage),
      .Last(Last),
      .MarginBits(MarginBits),
      .SlotBits(SLOT_BITS),
      .PlaceBits(PlaceBits),
      .UserBits(UserBits)
  ) u_decide (
      .ap_clk,
      .ap_rst_n,
      .ticket_slot_i(ticket_slot),
      .ticket_user_i(ticket_user),
      .ticket_valid_i(ticket_valid),
      .ticket_ready_o(ticket_ready),
      .verdict_valid_i,
      .verdict_ready_o,
      .verdict_label_i,
      .verdict_margin_i,
      .decision_slot_o(decision_slot),
      .decision_escalate_o(decision_escalate),
      .decision_user_o(decision_user),
      .decision_valid_o(decision_valid),
      .decision_ready_i(decision_ready),
      .queue_full_i(queue_full),
      .m_axis_exit_tdata,
      .m_axis_exit_tvalid,
      .m_axis_exit_tready,
      .m_axis_exit_tuser,
      .decided_o,
      .wished_o
  );

endmodule

`default_nettype wire
