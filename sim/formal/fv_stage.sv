// SPDX-License-Identifier: BSD-3-Clause
// A stage as the controller may expect it: takes frames of `Beats` beats, answers each with one
// verdict, in order, not before it has the whole frame; label = the frame's beats, margin free.
//
// Holds at most `Frames` of them. `ready_i`, `offer_i` and `margin_i` are the solver's: it takes
// a beat, or begins to offer a verdict, when it likes.
`default_nettype none

module fv_stage #(
    parameter int unsigned Beats = 2,
    parameter int unsigned BeatBits = 2,
    parameter int unsigned MarginBits = 2,
    parameter int unsigned Frames = 2,
    localparam int unsigned FrameBits = Beats * BeatBits
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic ready_i,
    input wire logic offer_i,
    input wire logic [MarginBits-1:0] margin_i,

    input wire logic [BeatBits-1:0] s_axis_tdata,
    input wire logic s_axis_tvalid,
    output logic s_axis_tready,
    input wire logic s_axis_tlast,

    output logic verdict_valid_o,
    input wire logic verdict_ready_i,
    output logic [11:0] verdict_label_o,
    output logic [MarginBits-1:0] verdict_margin_o,

    output logic frame_o,  // a frame is complete: frame_data_o
    output logic [FrameBits-1:0] frame_data_o
);

  localparam int unsigned COUNT_BITS = $clog2(Frames + 1);

  logic [COUNT_BITS-1:0] count_q;
  logic [Frames*FrameBits-1:0] frames_q;
  logic [7:0] beat_q;
  logic [FrameBits-1:0] partial_q;
  logic offered_q, fire, answer;

  assign s_axis_tready = ready_i && 32'(count_q) != Frames;
  assign fire = s_axis_tvalid && s_axis_tready;
  always_comb begin
    frame_data_o = partial_q;
    for (int unsigned b = 0; b < Beats; b++) begin
      if (b == 32'(beat_q)) frame_data_o[b*BeatBits+:BeatBits] = s_axis_tdata;
    end
  end
  assign frame_o = fire && 32'(beat_q) == Beats - 1;
  assign verdict_valid_o = count_q != '0 && (offered_q || offer_i);
  assign verdict_label_o = 12'(frames_q[FrameBits-1:0]);
  assign answer = verdict_valid_o && verdict_ready_i;

  logic [MarginBits-1:0] margin_q;
  assign verdict_margin_o = offered_q ? margin_q : margin_i;

  for (genvar i = 0; i < Frames; i++) begin : gen_frame
    localparam int unsigned BEHIND = i + 1 < Frames ? i + 1 : i;
    always_ff @(posedge ap_clk) begin
      if (frame_o && count_q == COUNT_BITS'(i) + COUNT_BITS'(answer)) begin
        frames_q[i*FrameBits+:FrameBits] <= frame_data_o;
      end else if (answer) begin
        frames_q[i*FrameBits+:FrameBits] <= frames_q[BEHIND*FrameBits+:FrameBits];
      end
    end
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      count_q <= '0;
      beat_q <= '0;
      offered_q <= 1'b0;
    end else begin
      count_q <= count_q + COUNT_BITS'(frame_o) - COUNT_BITS'(answer);
      if (fire) beat_q <= 32'(beat_q) == Beats - 1 ? '0 : beat_q + 1'b1;
      offered_q <= verdict_valid_o && !verdict_ready_i;
    end
    if (fire) partial_q <= frame_data_o;
    margin_q <= verdict_margin_o;
    if (ap_rst_n && fire) p_stage : assert (s_axis_tlast == (32'(beat_q) == Beats - 1));
  end

endmodule

`default_nettype wire
