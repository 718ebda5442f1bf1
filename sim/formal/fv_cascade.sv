// SPDX-License-Identifier: BSD-3-Clause
// hwf_cascade with two stages (fv_stage) and the rules of its streams; the rest is the harness's.
`default_nettype none

module fv_cascade #(
    parameter int unsigned FrameBeats = 2,
    parameter int unsigned Retain = 2,
    parameter int unsigned Queue = 1,
    parameter int unsigned ReorderFrames = 2,
    localparam int unsigned BeatBits = 2,
    localparam int unsigned MarginBits = 2,
    localparam int unsigned FrameBits = FrameBeats * BeatBits
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
    output logic in_ready,
    input wire logic in_last,
    input wire logic [1:0] stage_ready_free,
    input wire logic [1:0] stage_offer,
    input wire logic [2*MarginBits-1:0] stage_margin,
    output logic [1:0] stage_frame,  // a stage has a whole frame
    output logic [2*FrameBits-1:0] stage_frame_data,
    output logic [1:0] verdict_valid,
    output logic [1:0] verdict_ready,
    output logic [23:0] verdict_label,
    output logic [2*MarginBits-1:0] verdict_margin,
    output logic [63:0] result,
    output logic result_valid,
    input wire logic result_ready,
    output logic accepted,
    output logic [1:0] exits,
    output logic [1:0] sheds,
    output logic idle,
    output logic draining
);

  localparam logic [31:0] RETAIN = {16'd3, 16'(Retain)};  // three tickets beside the last stage
  localparam logic [31:0] QUEUE = {16'd2, 16'(Queue)};

  logic is_short, is_long, decided, wished, stall;
  logic [2*BeatBits-1:0] stage_data;
  logic [1:0] stage_valid, stage_ready, stage_last, stalls;
  logic [31:0] retained;

  hwf_cascade #(
      .Stages(2),
      .FrameBeats(FrameBeats),
      .BeatBits(BeatBits),
      .MarginBits(MarginBits),
      .RetainFrames(RETAIN),
      .QueueFrames(QUEUE),
      .ReorderFrames(ReorderFrames)
  ) u_dut (
      .ap_clk,
      .ap_rst_n,
      .core_rst_n_i(core_rst_n),
      .enable_i(enable),
      .force_enable_i(force_enable),
      .force_stage_i(force_stage),
      .order_i(order),
      .shed_i(shed),
      .thresholds_i(threshold),
      .s_axis_frame_tdata(in),
      .s_axis_frame_tvalid(in_valid),
      .s_axis_frame_tready(in_ready),
      .s_axis_frame_tlast(in_last),
      .m_axis_stage_tdata(stage_data),
      .m_axis_stage_tvalid(stage_valid),
      .m_axis_stage_tready(stage_ready),
      .m_axis_stage_tlast(stage_last),
      .verdict_valid_i(verdict_valid),
      .verdict_ready_o(verdict_ready),
      .verdict_label_i(verdict_label),
      .verdict_margin_i(verdict_margin),
      .m_axis_result_tdata(result),
      .m_axis_result_tvalid(result_valid),
      .m_axis_result_tready(result_ready),
      .frame_accepted_o(accepted),
      .frame_short_o(is_short),
      .frame_long_o(is_long),
      .exits_o(exits),
      .sheds_o(sheds),
      .decided_o(decided),
      .wished_o(wished),
      .stall_input_o(stall),
      .stall_stage_o(stalls),
      .retained_o(retained),
      .idle_o(idle),
      .draining_o(draining)
  );

  // ---- Stages -----------------------------------------------------------------------------------
  for (genvar k = 0; k < 2; k++) begin : gen_stage
    logic [BeatBits:0] payload;
    assign payload = {stage_last[k], stage_data[k*BeatBits+:BeatBits]};
    fv_stage #(
        .Beats(FrameBeats),
        .BeatBits(BeatBits),
        .MarginBits(MarginBits)
    ) u_stage (
        .ap_clk,
        .ap_rst_n(core_rst_n),
        .ready_i(stage_ready_free[k]),
        .offer_i(stage_offer[k]),
        .margin_i(stage_margin[k*MarginBits+:MarginBits]),
        .s_axis_tdata(stage_data[k*BeatBits+:BeatBits]),
        .s_axis_tvalid(stage_valid[k]),
        .s_axis_tready(stage_ready[k]),
        .s_axis_tlast(stage_last[k]),
        .verdict_valid_o(verdict_valid[k]),
        .verdict_ready_i(verdict_ready[k]),
        .verdict_label_o(verdict_label[12*k+:12]),
        .verdict_margin_o(verdict_margin[k*MarginBits+:MarginBits]),
        .frame_o(stage_frame[k]),
        .frame_data_o(stage_frame_data[k*FrameBits+:FrameBits])
    );
    fv_stable #(
        .Bits(BeatBits + 1)
    ) u_stage_stream (
        .ap_clk,
        .ap_rst_n(core_rst_n),
        .valid(stage_valid[k]),
        .ready(stage_ready[k]),
        .payload(payload)
    );
  end

  fv_reset u_reset (.ap_clk, .ap_rst_n);
  logic [BeatBits:0] in_payload;
  assign in_payload = {in_last, in};
  fv_stable #(
      .Bits(BeatBits + 1),
      .Assume(1'b1)
  ) u_in (
      .ap_clk,
      .ap_rst_n,
      .valid(in_valid),
      .ready(in_ready),
      .payload(in_payload)
  );
  fv_stable #(
      .Bits(64)
  ) u_result (
      .ap_clk,
      .ap_rst_n(core_rst_n),
      .valid(result_valid),
      .ready(result_ready),
      .payload(result)
  );

  always_ff @(posedge ap_clk) assume (ap_rst_n || !core_rst_n);

  // ---- Situations that can be reached -----------------------------------------------------------
  logic [15:0] newest_q;  // id of a result that left
  always_ff @(posedge ap_clk) begin
    if (!core_rst_n) newest_q <= '0;
    else if (exits != '0 && result[15:0] > newest_q) newest_q <= result[15:0];
    if (core_rst_n) begin
      c_first : cover (exits[0]);
      c_last : cover (exits[1]);
      c_shed : cover (sheds[0]);
      c_overtaken : cover (exits[1] && result[15:0] < newest_q);
      c_malformed : cover (exits != '0 && result[57:56] != '0);
      c_stall : cover (in_valid && !in_ready && enable && !draining
          && retained[15:0] == 16'(Retain));
    end
  end

endmodule

`default_nettype wire
