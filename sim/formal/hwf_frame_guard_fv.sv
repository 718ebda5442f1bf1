// SPDX-License-Identifier: BSD-3-Clause
// hwf_frame_guard, seen from outside: what may leave follows from what came in.
//
// At any time at most one beat that came in (`held_q`) and the zeros that the frame still lacks
// (`owed_q`) have to leave. Flushes, enable and settings come as the solver likes; the sink is fair.
`default_nettype none

module hwf_frame_guard_fv #(
    parameter int unsigned Beats = 3,
    parameter int unsigned BeatBits = 2,
    parameter int unsigned SettingsBits = 2,
    parameter int unsigned IdBits = 3,
    parameter int unsigned Every = 2,
    localparam int unsigned UserBits = SettingsBits + 2 + IdBits
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic flush,
    input wire logic enable,
    input wire logic [SettingsBits-1:0] settings,
    input wire logic [BeatBits-1:0] in,
    input wire logic in_valid,
    input wire logic in_last,
    input wire logic out_ready
);

  localparam int unsigned BEAT_COUNT_BITS = Beats > 1 ? $clog2(Beats) : 1;
  localparam int unsigned PAYLOAD_BITS = UserBits + 1 + BeatBits;

  logic in_ready, out_valid, out_last, accepted, is_short, is_long, draining;
  logic [BeatBits-1:0] out;
  logic [UserBits-1:0] out_user;

  hwf_frame_guard #(
      .Beats(Beats),
      .BeatBits(BeatBits),
      .SettingsBits(SettingsBits),
      .IdBits(IdBits)
  ) u_dut (
      .ap_clk,
      .ap_rst_n,
      .flush_i(flush),
      .enable_i(enable),
      .settings_i(settings),
      .s_axis_tdata(in),
      .s_axis_tvalid(in_valid),
      .s_axis_tready(in_ready),
      .s_axis_tlast(in_last),
      .m_axis_tdata(out),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_ready),
      .m_axis_tlast(out_last),
      .m_axis_tuser(out_user),
      .accepted_o(accepted),
      .short_o(is_short),
      .long_o(is_long),
      .draining_o(draining)
  );

  logic alive;  // neither reset nor flush
  logic [PAYLOAD_BITS-1:0] payload;
  assign alive   = ap_rst_n && !flush;
  assign payload = {out_user, out_last, out};

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
      .Bits(PAYLOAD_BITS)
  ) u_out (
      .ap_clk,
      .ap_rst_n(alive),
      .valid(out_valid),
      .ready(out_ready),
      .payload(payload)
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

  // ---- What came in -----------------------------------------------------------------------------
  logic drain_q, held_q, held_long_q;
  logic [7:0] in_beat_q, owed_q;  // beats of the frame that is coming in; zeros still to leave
  logic [BeatBits-1:0] held_data_q;
  logic [SettingsBits-1:0] settings_q;
  logic fire, take, pop, full_length;
  assign fire = in_valid && in_ready;
  assign take = fire && !drain_q;
  assign pop = out_valid && out_ready;
  assign full_length = 32'(in_beat_q) == Beats - 1;

  // ---- What leaves ------------------------------------------------------------------------------
  logic [7:0] out_beat_q;
  logic [IdBits-1:0] id_q;
  logic [BeatBits-1:0] data;
  logic frame_last;
  assign frame_last = 32'(out_beat_q) == Beats - 1;
  assign data = held_q ? held_data_q : '0;

  logic [7:0] idle_q, waits_q;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      drain_q <= 1'b0;
    end else if (flush) begin
      if (in_beat_q != '0) drain_q <= 1'b1;
    end else if (fire) begin
      if (drain_q) drain_q <= !in_last;
      else drain_q <= full_length && !in_last;
    end

    if (!alive) begin
      in_beat_q <= '0;
      held_q <= 1'b0;
      owed_q <= '0;
      out_beat_q <= '0;
      id_q <= '0;
    end else begin
      if (take) in_beat_q <= full_length || in_last ? '0 : in_beat_q + 1'b1;
      if (take) held_q <= 1'b1;
      else if (pop) held_q <= 1'b0;
      if (take && in_last) owed_q <= 8'(Beats - 1) - in_beat_q;
      else if (pop && !held_q) owed_q <= owed_q - 1'b1;
      if (pop) out_beat_q <= frame_last ? '0 : out_beat_q + 1'b1;
      if (pop && frame_last) id_q <= id_q + 1'b1;
    end
    if (take) begin
      held_data_q <= in;
      held_long_q <= full_length && !in_last;
      if (in_beat_q == '0) settings_q <= settings;
    end
    if (!alive || pop || !(held_q || owed_q != '0)) idle_q <= '0;
    else idle_q <= idle_q + 1'b1;
    if (!alive || !enable || !in_valid || in_ready) waits_q <= '0;
    else waits_q <= waits_q + 1'b1;
  end

  // ---- Properties -------------------------------------------------------------------------------
  logic [SettingsBits-1:0] out_settings;
  logic out_long, out_short;
  logic [IdBits-1:0] out_id;
  assign {out_settings, out_long, out_short, out_id} = out_user;

  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) begin
      if (pop) begin
        p_order : assert ((held_q || owed_q != '0) && out == data);
        p_frame : assert (out_last == frame_last);
        p_id : assert (out_id == id_q);
        p_settings : assert (out_settings == settings_q);
        p_flags : assert (out_short == !held_q && out_long == (held_q && held_long_q));
      end
      if (take) p_capacity : assert (8'(held_q) + owed_q == 8'(pop));
      p_enable : assert (!(take && in_beat_q == '0 && !enable));
      p_events : assert (accepted == (take && in_beat_q == '0)
          && is_short == (take && in_last && !full_length)
          && is_long == (take && !in_last && full_length)
          && draining == drain_q);
      if (fair) p_progress : assert (32'(idle_q) < Every);
      if (fair) p_response : assert (32'(waits_q) < Beats * Every);
    end
  end

  // ---- What the block's registers hold then -----------------------------------------------------
  (* hierconn *)logic [1:0] \u_dut.state_q ;
  (* hierconn *)logic [BEAT_COUNT_BITS-1:0] \u_dut.beat_q ;
  (* hierconn *)logic [SettingsBits-1:0] \u_dut.settings_q ;
  (* hierconn *)logic [IdBits-1:0] \u_dut.id_q ;
  logic [7:0] unsent, dut_beat;  // zeros that are not in the output register yet
  assign unsent   = owed_q - 8'(out_valid && !held_q);
  assign dut_beat = 8'(\u_dut.beat_q );

  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) begin
      h_valid : assert (out_valid == (held_q || owed_q != '0));
      h_state : assert (\u_dut.state_q == (drain_q ? 2'd2 : unsent != '0 ? 2'd1 : 2'd0));
      h_one : assert (!(drain_q && owed_q != '0) && (in_beat_q == '0 || owed_q == '0));
      h_beat : assert (dut_beat == (unsent != '0 ? 8'(Beats) - unsent : in_beat_q));
      h_length : assert (32'(in_beat_q) < Beats && 32'(owed_q) < Beats);
      h_drain : assert (!drain_q || in_beat_q == '0);
      h_out_beat : assert (out_beat_q == (!out_valid ? dut_beat
          : dut_beat == '0 ? 8'(Beats - 1) : dut_beat - 1'b1));
      h_id : assert (\u_dut.id_q == id_q + IdBits'(out_valid && frame_last));
      if (in_beat_q != '0 || unsent != '0) h_settings : assert (\u_dut.settings_q == settings_q);
      if (out_valid) begin
        h_out : assert (payload == {
            settings_q, held_q && held_long_q, !held_q, id_q, frame_last, data});
        h_long : assert (!(held_q && held_long_q) || frame_last);
      end
      if (fair) h_pace : assert (32'(idle_q) <= 32'(since));
      if (fair) h_waits : assert (waits_q == '0
          || 32'(waits_q) + (32'(held_q) + 32'(owed_q)) * Every <= Beats * Every + 32'(since));
    end
  end

endmodule

`default_nettype wire
