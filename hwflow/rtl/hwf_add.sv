// SPDX-License-Identifier: BSD-3-Clause
// Adds two streams of one shape beat by beat: Factor0 × first + Factor1 × second, per lane.
//
// Lane 0 is lowest on all streams; inputs are two's complement where `Signed0`, `Signed1`. The
// result is kept modulo 2^OutBits, so OutBits must hold every sum.
// Throughput: one beat a clock. Latency: one clock. Both inputs are taken together.
// Handshake: an input's `ready` is combinational in the other input's `valid` and in
// `m_axis_tready`; no `valid` depends on a `ready`.
`default_nettype none

module hwf_add #(
    parameter int unsigned Lanes = 1,
    parameter int unsigned InBits0 = 4,
    parameter int unsigned InBits1 = 4,
    parameter int unsigned OutBits = 5,
    parameter bit Signed0 = 1'b0,
    parameter bit Signed1 = 1'b0,
    parameter int Factor0 = 1,
    parameter int Factor1 = 1
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [Lanes*InBits0-1:0] s_axis_0_tdata,
    input  wire logic                     s_axis_0_tvalid,
    output      logic                     s_axis_0_tready,

    input  wire logic [Lanes*InBits1-1:0] s_axis_1_tdata,
    input  wire logic                     s_axis_1_tvalid,
    output      logic                     s_axis_1_tready,

    output      logic [Lanes*OutBits-1:0] m_axis_tdata,
    output      logic                     m_axis_tvalid,
    input  wire logic                     m_axis_tready
);

  if (Factor0 == 0 || Factor1 == 0) begin : gen_check_factors
    $fatal(1, "hwf_add: a factor of 0 leaves nothing to add");
  end

  logic en;
  assign en = !m_axis_tvalid || m_axis_tready;
  assign s_axis_0_tready = en && s_axis_1_tvalid;
  assign s_axis_1_tready = en && s_axis_0_tvalid;

  logic [Lanes*OutBits-1:0] sum;
  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    logic [OutBits-1:0] a, b;
    if (Signed0) begin : gen_signed_0
      assign a = OutBits'($signed(s_axis_0_tdata[l*InBits0+:InBits0]));
    end else begin : gen_unsigned_0
      assign a = OutBits'(s_axis_0_tdata[l*InBits0+:InBits0]);
    end
    if (Signed1) begin : gen_signed_1
      assign b = OutBits'($signed(s_axis_1_tdata[l*InBits1+:InBits1]));
    end else begin : gen_unsigned_1
      assign b = OutBits'(s_axis_1_tdata[l*InBits1+:InBits1]);
    end
    assign sum[l*OutBits+:OutBits] = OutBits'(Factor0) * a + OutBits'(Factor1) * b;
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) m_axis_tvalid <= 1'b0;
    else if (en) m_axis_tvalid <= s_axis_0_tvalid && s_axis_1_tvalid;
    if (en) m_axis_tdata <= sum;
  end

endmodule

`default_nettype wire
