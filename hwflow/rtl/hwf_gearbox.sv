// SPDX-License-Identifier: BSD-3-Clause
// Brings frames from beats of `InBytes` to beats of `OutBytes` bytes, lane 0 first, and drops the
// zero tail of each frame's last beat (the one with tlast).
//
// `InBytes` is a power of two, `OutBytes` divides the frame; any such pair goes, like 8 to 3. A beat
// is taken only while less than one output beat is held, so that incoming bytes land on one of
// OutBytes / gcd(InBytes, OutBytes) places.
// Throughput: one beat a clock on the side whose beats are smaller. Latency: one clock.
// Handshake: output from registers; input `ready` is combinational in the output's `ready`.
`default_nettype none

module hwf_gearbox #(
    parameter int unsigned FrameBytes = 16,
    parameter int unsigned InBytes = 8,
    parameter int unsigned OutBytes = 4
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [8*InBytes-1:0] s_axis_tdata,
    input  wire logic                 s_axis_tvalid,
    output      logic                 s_axis_tready,
    input  wire logic                 s_axis_tlast,

    output      logic [8*OutBytes-1:0] m_axis_tdata,
    output      logic                  m_axis_tvalid,
    input  wire logic                  m_axis_tready
);

  if (OutBytes < 1 || FrameBytes % OutBytes != 0) begin : gen_check_out
    $fatal(1, "hwf_gearbox: OutBytes must divide FrameBytes");
  end

  if (InBytes < 1 || (InBytes & (InBytes - 1)) != 0) begin : gen_check_in
    $fatal(1, "hwf_gearbox: InBytes must be a power of two");
  end

  // gcd with a power of two: the lowest set bit of the other, no more than the power itself.
  localparam int unsigned LOWEST = OutBytes & (~OutBytes + 1);
  localparam int unsigned GCD = LOWEST < InBytes ? LOWEST : InBytes;
  localparam int unsigned HOLD = OutBytes - 1 + InBytes;
  localparam int unsigned COUNT_BITS = $clog2(HOLD + 1);
  // Bytes of the last beat that belong to the frame.
  localparam int unsigned TAIL = FrameBytes - ((FrameBytes - 1) / InBytes) * InBytes;

  logic [8*HOLD-1:0] held_q, held_d;
  logic [COUNT_BITS-1:0] count_q, count_kept;
  logic pop, push;

  assign m_axis_tdata = held_q[8*OutBytes-1:0];
  assign m_axis_tvalid = count_q >= COUNT_BITS'(OutBytes);
  assign pop = m_axis_tvalid && m_axis_tready;
  assign count_kept = pop ? count_q - COUNT_BITS'(OutBytes) : count_q;
  assign s_axis_tready = count_kept < COUNT_BITS'(OutBytes);
  assign push = s_axis_tvalid && s_axis_tready;

  // Bytes at and above the count are stale; each push overwrites from there on.
  always_comb begin
    held_d = pop ? held_q >> (8 * OutBytes) : held_q;
    for (int unsigned place = 0; place < OutBytes; place += GCD) begin
      if (push && count_kept == COUNT_BITS'(place)) held_d[8*place+:8*InBytes] = s_axis_tdata;
    end
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) count_q <= '0;
    else if (!push) count_q <= count_kept;
    else count_q <= count_kept + (s_axis_tlast ? COUNT_BITS'(TAIL) : COUNT_BITS'(InBytes));
    held_q <= held_d;
  end

endmodule

`default_nettype wire
