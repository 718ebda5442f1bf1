// SPDX-License-Identifier: BSD-3-Clause
// Makes every frame exactly `Beats` beats long, gives it its sample id and freezes its settings.
//
// An early tlast is followed by zero beats up to the frame's end (flag short); without tlast on
// the last beat the rest is drained up to tlast (flag long); the next frame is unharmed either way.
// `settings_i` is sampled when the first beat is accepted. m_axis_tuser = {settings, long, short,
// id} belongs to the frame; its flags are final with tlast.
// `enable_i` low stops the input before the next frame. `flush_i` (soft reset) discards the frame
// that is under way, the rest of it still to come included, and restarts the ids at 0.
// Latency: one clock. Throughput: one beat a clock. Input `ready` is combinational in the output's.
`default_nettype none

module hwf_frame_guard #(
    parameter int unsigned Beats = 4,
    parameter int unsigned BeatBits = 64,
    parameter int unsigned SettingsBits = 8,
    parameter int unsigned IdBits = 16,
    localparam int unsigned UserBits = SettingsBits + 2 + IdBits
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic flush_i,

    input wire logic                    enable_i,
    input wire logic [SettingsBits-1:0] settings_i,

    input  wire logic [BeatBits-1:0] s_axis_tdata,
    input  wire logic                s_axis_tvalid,
    output      logic                s_axis_tready,
    input  wire logic                s_axis_tlast,

    output      logic [BeatBits-1:0] m_axis_tdata,
    output      logic                m_axis_tvalid,
    input  wire logic                m_axis_tready,
    output      logic                m_axis_tlast,
    output      logic [UserBits-1:0] m_axis_tuser,

    output logic accepted_o,  // one clock per frame: its first beat was accepted
    output logic short_o,     // one clock per frame that is padded
    output logic long_o,      // one clock per frame that is cut
    output logic draining_o
);

  if (Beats < 1) begin : gen_check_beats
    $fatal(1, "hwf_frame_guard: Beats must be at least 1");
  end

  localparam int unsigned BEAT_COUNT_BITS = Beats > 1 ? $clog2(Beats) : 1;

  typedef enum logic [1:0] {
    TAKE,
    PAD,
    DRAIN
  } state_e;

  state_e state_q;
  logic [BEAT_COUNT_BITS-1:0] beat_q;
  logic [SettingsBits-1:0] settings_q;
  logic [IdBits-1:0] id_q;
  logic en, first, last, take, emit, ends_early, ends_late;

  assign first = beat_q == '0;
  assign last = beat_q == BEAT_COUNT_BITS'(Beats - 1);
  assign en = !m_axis_tvalid || m_axis_tready;
  assign take = state_q == TAKE && s_axis_tvalid && s_axis_tready;
  assign emit = take || (state_q == PAD && en);
  assign ends_early = take && s_axis_tlast && !last;
  assign ends_late = take && last && !s_axis_tlast;
  assign accepted_o = take && first;
  assign short_o = ends_early;
  assign long_o = ends_late;
  assign draining_o = state_q == DRAIN;

  always_comb begin
    s_axis_tready = 1'b0;
    case (state_q)
      TAKE: s_axis_tready = en && !flush_i && (!first || enable_i);
      DRAIN: s_axis_tready = !flush_i;
      default: s_axis_tready = 1'b0;
    endcase
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      state_q <= TAKE;
      beat_q <= '0;
      id_q <= '0;
      m_axis_tvalid <= 1'b0;
    end else if (flush_i) begin
      // In PAD the input frame is over already; in TAKE its rest is still to come.
      if (state_q == PAD) state_q <= TAKE;
      else if (state_q == TAKE && !first) state_q <= DRAIN;
      beat_q <= '0;
      id_q <= '0;
      m_axis_tvalid <= 1'b0;
    end else begin
      if (en) m_axis_tvalid <= emit;
      if (emit) beat_q <= last ? '0 : beat_q + 1'b1;
      if (emit && last) id_q <= id_q + 1'b1;
      case (state_q)
        TAKE: begin
          if (ends_early) state_q <= PAD;
          else if (ends_late) state_q <= DRAIN;
        end
        PAD: if (emit && last) state_q <= TAKE;
        DRAIN: if (s_axis_tvalid && s_axis_tlast) state_q <= TAKE;
        default: state_q <= TAKE;
      endcase
    end
  end

  always_ff @(posedge ap_clk) begin
    if (accepted_o) settings_q <= settings_i;
    if (emit) begin
      m_axis_tdata <= state_q == PAD ? '0 : s_axis_tdata;
      m_axis_tlast <= last;
      m_axis_tuser <= {accepted_o ? settings_i : settings_q, ends_late, state_q == PAD, id_q};
    end
  end

endmodule

`default_nettype wire
