// SPDX-License-Identifier: BSD-3-Clause
// hwf_cascade of two stages with a reorder store, from reset and by its ports alone.
//
// Settings, margins, stalls and malformed frames are the solver's. Bounded, so it need not know
// what is inside as hwf_cascade_order_fv and hwf_cascade_follow_fv do: a check on those, at the
// least sizes.
`default_nettype none

module hwf_cascade_outside_fv #(
    parameter int unsigned FrameBeats = 1,
    parameter int unsigned Retain = 2,
    parameter int unsigned Queue = 1,
    parameter int unsigned ReorderFrames = 2,
    localparam int unsigned BeatBits = 2,
    localparam int unsigned MarginBits = 2
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
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
  logic core_rst_n;
  assign core_rst_n = ap_rst_n;
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

  // ---- What came in and what left ---------------------------------------------------------------
  logic deliver, ordered, some_ordered_q;
  logic [7:0] accepted_q, delivered_q, ordered_in_q, ordered_out_q;
  logic [15:0] last_ordered_q, id;
  logic [15:0] answered_q;  // by id; more frames than that do not come in so few clocks
  assign deliver = result_valid && result_ready;
  assign ordered = result[60];
  assign id = result[15:0];

  always_ff @(posedge ap_clk) begin
    if (!core_rst_n) begin
      accepted_q <= '0;
      delivered_q <= '0;
      ordered_in_q <= '0;
      ordered_out_q <= '0;
      some_ordered_q <= 1'b0;
      answered_q <= '0;
    end else begin
      accepted_q <= accepted_q + 8'(accepted);
      delivered_q <= delivered_q + 8'(deliver);
      ordered_in_q <= ordered_in_q + 8'(accepted && order);
      ordered_out_q <= ordered_out_q + 8'(deliver && ordered);
      if (deliver && ordered) some_ordered_q <= 1'b1;
      if (deliver) answered_q[id[3:0]] <= 1'b1;
    end
    if (deliver && ordered) last_ordered_q <= id;
    if (core_rst_n) begin
      if (deliver) begin
        p_once : assert (id < 16'(accepted_q) && !answered_q[id[3:0]]);
        if (ordered && some_ordered_q) p_order : assert (id > last_ordered_q);
      end
      p_idle : assert (idle == (delivered_q == accepted_q && !draining));
      // The output register and the two entries behind it hold results whose places are free.
      p_place : assert (32'(ordered_in_q) - 32'(ordered_out_q) <= ReorderFrames + 3);
    end
  end

endmodule

`default_nettype wire
