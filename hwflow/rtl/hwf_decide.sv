// SPDX-License-Identifier: BSD-3-Clause
// Joins a stage's verdict with the ticket of its frame and lets the frame exit or escalate.
//
// It exits iff margin >= threshold; while force is set for the frame, iff the stage is the forced
// one; at the last stage always. A frame that would escalate by its margin is shed instead (it
// exits, flagged) if it allows that and `queue_full_i` is high.
// Ticket user, low bits first: id (16), short, long, force enable, force stage (4), order, shed
// allowed, place (PlaceBits), then one threshold of MarginBits + 1 bits per decision still to come,
// this stage's lowest. A threshold with its highest bit set is beyond every margin.
// `decision_user_o` is the ticket's without this stage's threshold. Result word: see hwf_cascade.
// `decided_o` and `wished_o` tell of decisions by margin, those of the last stage aside: one clock
// each, `wished_o` if the frame is unsure, shed or not.
// Latency: one clock. Throughput: one verdict a clock. Both inputs' `ready` are combinational in
// each other's `valid` and in both outputs' `ready`.
`default_nettype none

module hwf_decide #(
    parameter int unsigned Stage = 0,
    parameter bit Last = 1'b0,
    parameter int unsigned MarginBits = 8,
    parameter int unsigned SlotBits = 2,
    parameter int unsigned PlaceBits = 1,
    parameter int unsigned UserBits = 64,
    localparam int unsigned BaseBits = 25 + PlaceBits,
    localparam int unsigned LabelBits = 12,
    localparam int unsigned OnBits = Last ? BaseBits : UserBits - (MarginBits + 1)
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [SlotBits-1:0] ticket_slot_i,
    input  wire logic [UserBits-1:0] ticket_user_i,
    input  wire logic                ticket_valid_i,
    output      logic                ticket_ready_o,

    input  wire logic                  verdict_valid_i,
    output      logic                  verdict_ready_o,
    input  wire logic [ LabelBits-1:0] verdict_label_i,
    input  wire logic [MarginBits-1:0] verdict_margin_i,

    output      logic [SlotBits-1:0] decision_slot_o,
    output      logic                decision_escalate_o,
    output      logic [  OnBits-1:0] decision_user_o,
    output      logic                decision_valid_o,
    input  wire logic                decision_ready_i,
    input  wire logic                queue_full_i,

    output      logic [         63:0] m_axis_exit_tdata,
    output      logic                 m_axis_exit_tvalid,
    input  wire logic                 m_axis_exit_tready,
    output      logic [PlaceBits-1:0] m_axis_exit_tuser,

    output logic decided_o,
    output logic wished_o
);

  localparam int unsigned RESULT_MARGIN_BITS = 24;

  logic force_enable, in_order, may_shed;
  logic [3:0] force_stage;
  assign force_enable = ticket_user_i[18];
  assign force_stage = ticket_user_i[22:19];
  assign in_order = ticket_user_i[23];
  assign may_shed = ticket_user_i[24];

  logic leaves, unsure, shed;
  logic [OnBits-1:0] on_user;
  if (Last) begin : gen_last
    assign unsure = 1'b0;
    assign shed = 1'b0;
    assign leaves = 1'b1;
    assign on_user = ticket_user_i[BaseBits-1:0];
    logic unused;
    assign unused = &{force_stage, may_shed, queue_full_i};
  end else begin : gen_choose
    logic [MarginBits:0] threshold;
    assign threshold = ticket_user_i[BaseBits+:MarginBits+1];
    assign unsure = {1'b0, verdict_margin_i} < threshold;
    assign shed = !force_enable && unsure && may_shed && queue_full_i;
    assign leaves = force_enable ? force_stage == 4'(Stage) : !unsure || shed;
    if (OnBits > BaseBits) begin : gen_more
      assign on_user = {
        ticket_user_i[UserBits-1:BaseBits+MarginBits+1], ticket_user_i[BaseBits-1:0]
      };
    end else begin : gen_none
      assign on_user = ticket_user_i[BaseBits-1:0];
    end
  end

  logic [RESULT_MARGIN_BITS-1:0] margin;
  if (MarginBits > RESULT_MARGIN_BITS) begin : gen_saturate
    assign margin = verdict_margin_i[MarginBits-1:RESULT_MARGIN_BITS] != '0
        ? '1 : verdict_margin_i[RESULT_MARGIN_BITS-1:0];
  end else begin : gen_extend
    assign margin = RESULT_MARGIN_BITS'(verdict_margin_i);
  end

  logic take;
  assign take = ticket_valid_i && verdict_valid_i
      && (!decision_valid_o || decision_ready_i)
      && (!m_axis_exit_tvalid || m_axis_exit_tready);
  assign ticket_ready_o = take;
  assign verdict_ready_o = take;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      decision_valid_o   <= 1'b0;
      m_axis_exit_tvalid <= 1'b0;
      decided_o <= 1'b0;
    end else begin
      decided_o <= take && !Last && !force_enable;
      if (take && !Last) decision_valid_o <= 1'b1;
      else if (decision_ready_i) decision_valid_o <= 1'b0;
      if (take && leaves) m_axis_exit_tvalid <= 1'b1;
      else if (m_axis_exit_tready) m_axis_exit_tvalid <= 1'b0;
    end
    if (take) begin
      decision_slot_o <= ticket_slot_i;
      decision_escalate_o <= !leaves;
      decision_user_o <= on_user;
      m_axis_exit_tdata <= {
        3'b0,
        in_order,
        shed,
        force_enable,
        ticket_user_i[17:16],
        margin,
        4'(Stage),
        verdict_label_i,
        ticket_user_i[15:0]
      };
      m_axis_exit_tuser <= ticket_user_i[25+:PlaceBits];
      wished_o <= unsure;
    end
  end

endmodule

`default_nettype wire
