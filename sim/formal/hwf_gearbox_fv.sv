// SPDX-License-Identifier: BSD-3-Clause
// hwf_gearbox against a queue of bytes; frames come whole, the sink is fair.
`default_nettype none

module hwf_gearbox_fv #(
    parameter int unsigned FrameBytes = 6,
    parameter int unsigned InBytes = 4,
    parameter int unsigned OutBytes = 2,
    parameter int unsigned Every = 2,
    localparam int unsigned InBits = 8 * InBytes,
    localparam int unsigned OutBits = 8 * OutBytes
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic [InBits-1:0] in,
    input wire logic in_valid,
    input wire logic out_ready
);

  localparam int unsigned BEATS = (FrameBytes + InBytes - 1) / InBytes;
  localparam int unsigned TAIL = FrameBytes - (BEATS - 1) * InBytes;
  localparam int unsigned HOLD = OutBytes - 1 + InBytes;
  localparam int unsigned COUNT_BITS = $clog2(HOLD + 1);
  // Beats that must leave before the next may come in.
  localparam int unsigned LEAVE = (InBytes + OutBytes - 1) / OutBytes;

  logic in_ready, out_valid, last;
  logic [OutBits-1:0] out;
  logic [7:0] beat_q;  // of the frame at the input
  assign last = 32'(beat_q) == BEATS - 1;

  hwf_gearbox #(
      .FrameBytes(FrameBytes),
      .InBytes(InBytes),
      .OutBytes(OutBytes)
  ) u_dut (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata (in),
      .s_axis_tvalid(in_valid),
      .s_axis_tready(in_ready),
      .s_axis_tlast (last),
      .m_axis_tdata (out),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_ready)
  );

  fv_reset u_reset (.ap_clk, .ap_rst_n);
  fv_stable #(
      .Bits(InBits),
      .Assume(1'b1)
  ) u_in (
      .ap_clk,
      .ap_rst_n,
      .valid(in_valid),
      .ready(in_ready),
      .payload(in)
  );
  fv_stable #(
      .Bits(OutBits)
  ) u_out (
      .ap_clk,
      .ap_rst_n,
      .valid(out_valid),
      .ready(out_ready),
      .payload(out)
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

  // ---- The bytes inside, oldest lowest ----------------------------------------------------------
  logic [8*HOLD-1:0] bytes_q, bytes_d;
  logic [COUNT_BITS-1:0] count_q, kept, came;
  logic push, pop;
  assign push = in_valid && in_ready;
  assign pop = out_valid && out_ready;
  assign kept = count_q - (pop ? COUNT_BITS'(OutBytes) : '0);
  assign came = !push ? '0 : last ? COUNT_BITS'(TAIL) : COUNT_BITS'(InBytes);
  always_comb begin
    for (int unsigned i = 0; i < HOLD; i++) begin
      if (i < 32'(kept)) bytes_d[8*i+:8] = bytes_q[8*(i+(pop?OutBytes : 0))+:8];
      else bytes_d[8*i+:8] = in[8*(i-32'(kept))+:8];
    end
  end

  (* hierconn *)logic [8*HOLD-1:0] \u_dut.held_q ;
  (* hierconn *)logic [COUNT_BITS-1:0] \u_dut.count_q ;
  logic [HOLD-1:0] same;
  for (genvar i = 0; i < HOLD; i++) begin : gen_byte
    assign same[i] = i >= 32'(count_q) || bytes_q[8*i+:8] == \u_dut.held_q [8*i+:8];
  end

  logic [7:0] idle_q, waits_q;  // clocks since a beat left while one could; the input has waited
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) beat_q <= '0;
    else if (push) beat_q <= last ? '0 : beat_q + 1'b1;
    if (!ap_rst_n) count_q <= '0;
    else count_q <= kept + came;
    bytes_q <= bytes_d;
    if (!ap_rst_n || pop || 32'(count_q) < OutBytes) idle_q <= '0;
    else idle_q <= idle_q + 1'b1;
    if (!ap_rst_n || !in_valid || in_ready) waits_q <= '0;
    else waits_q <= waits_q + 1'b1;

    if (ap_rst_n) begin
      if (pop) p_order : assert (32'(count_q) >= OutBytes && out == bytes_q[OutBits-1:0]);
      p_capacity : assert (32'(kept) + 32'(came) <= HOLD);
      // Nothing of a frame stays behind when the next one begins.
      if (beat_q == '0) p_whole : assert (32'(count_q) % OutBytes == 0);
      if (fair) p_progress : assert (32'(idle_q) < Every);
      if (fair) p_response : assert (32'(waits_q) < LEAVE * Every);
      h_count : assert (\u_dut.count_q == count_q && 32'(count_q) <= HOLD);
      h_same : assert (&same);
      h_beat : assert (32'(beat_q) < BEATS);
      h_place : assert ((32'(beat_q) * InBytes) % OutBytes == 32'(count_q) % OutBytes);
      if (fair) h_pace : assert (32'(idle_q) <= 32'(since));
      h_idle : assert (32'(count_q) >= OutBytes || idle_q == '0);
      if (fair) h_waits : assert (waits_q == '0
          || 32'(waits_q) + 32'(count_q) / OutBytes * Every <= LEAVE * Every + 32'(since));
    end
  end

endmodule

`default_nettype wire
