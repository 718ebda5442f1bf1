// SPDX-License-Identifier: BSD-3-Clause
// Stands in for a stage: scores that the frame itself scripts, with chosen latency and II.
//
// Score of class c = 256 × signed byte (Stage × Classes + c) of the frame + a byte of the sum of
// all its bytes, each weighted by its place, so that one wrong, lost or moved byte shows.
// A frame's first score leaves `Latency` clocks after its last byte came, at the earliest; a new
// frame starts `Interval` clocks after the one before, at the earliest. `Depth` frames fit inside.
`default_nettype none

module dummy_stage #(
    parameter int unsigned Stage = 0,
    parameter int unsigned FrameBytes = 32,
    parameter int unsigned InBytes = 1,
    parameter int unsigned Classes = 4,
    parameter int unsigned Lanes = 1,
    parameter int unsigned Latency = 10,
    parameter int unsigned Interval = 1,
    parameter int unsigned Depth = 8
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [8*InBytes-1:0] s_axis_0_tdata,
    input  wire logic                 s_axis_0_tvalid,
    output      logic                 s_axis_0_tready,

    output      logic [16*Lanes-1:0] m_axis_0_tdata,
    output      logic                m_axis_0_tvalid,
    input  wire logic                m_axis_0_tready
);

  localparam int unsigned BEATS = (Classes + Lanes - 1) / Lanes;

  logic [31:0] now_q, place_q, since_q;
  logic [15:0] sum_q, sum;
  logic [8*Classes-1:0] scripted_q, scripted;
  logic take, last, queue_ready;

  assign last = place_q == FrameBytes - InBytes;
  assign s_axis_0_tready = (place_q != 0 || since_q >= Interval) && (!last || queue_ready);
  assign take = s_axis_0_tvalid && s_axis_0_tready;

  always_comb begin
    sum = sum_q;
    scripted = scripted_q;
    for (int unsigned i = 0; i < InBytes; i++) begin
      sum = sum + 16'(s_axis_0_tdata[8*i+:8]) * 16'(2 * (place_q + i) + 1);
      if (place_q + i >= Stage * Classes && place_q + i < (Stage + 1) * Classes) begin
        scripted[8*(place_q+i-Stage*Classes)+:8] = s_axis_0_tdata[8*i+:8];
      end
    end
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      now_q <= '0;
      place_q <= '0;
      since_q <= 32'hffff_ffff;
      sum_q <= '0;
    end else begin
      now_q <= now_q + 1;
      if (take && place_q == 0) since_q <= 1;
      else if (since_q != 32'hffff_ffff) since_q <= since_q + 1;
      if (take) begin
        place_q <= last ? '0 : place_q + InBytes;
        sum_q <= last ? '0 : sum;
      end
    end
    if (take) scripted_q <= scripted;
  end

  // ---- Frames under way, each with the time when it may leave -----------------------------------
  logic [8*Classes-1:0] out_scripted;
  logic [15:0] out_sum;
  logic [31:0] due;
  logic out_valid, out_take;
  logic [$clog2(Depth+1)-1:0] count_unused;

  hwf_fifo #(
      .DataBits(8 * Classes + 16 + 32),
      .Depth(Depth)
  ) u_inside (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata({now_q + Latency, sum, scripted}),
      .s_axis_tvalid(take && last),
      .s_axis_tready(queue_ready),
      .m_axis_tdata({due, out_sum, out_scripted}),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_take),
      .count_o(count_unused)
  );

  logic [31:0] beat_q;
  logic started_q;
  assign m_axis_0_tvalid = out_valid && (started_q || now_q >= due);
  assign out_take = m_axis_0_tvalid && m_axis_0_tready && beat_q == BEATS - 1;

  always_comb begin
    m_axis_0_tdata = '0;
    for (int unsigned l = 0; l < Lanes; l++) begin
      if (beat_q * Lanes + l < Classes) begin
        m_axis_0_tdata[16*l+:16] = {
          out_scripted[8*(beat_q*Lanes+l)+:8],
          8'(out_sum >> ((beat_q * Lanes + l) % 9))
        };
      end
    end
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      beat_q <= '0;
      started_q <= 1'b0;
    end else begin
      started_q <= m_axis_0_tvalid && !out_take;
      if (m_axis_0_tvalid && m_axis_0_tready) beat_q <= beat_q == BEATS - 1 ? '0 : beat_q + 1;
    end
  end

endmodule

`default_nettype wire
