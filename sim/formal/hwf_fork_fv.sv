// SPDX-License-Identifier: BSD-3-Clause
// hwf_fork: every output takes every beat of the input once, in order; each sink is fair.
`default_nettype none

module hwf_fork_fv #(
    parameter int unsigned Outputs = 2,
    parameter int unsigned DataBits = 2,
    parameter int unsigned Every = 3
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic [DataBits-1:0] in,
    input wire logic in_valid,
    input wire logic [Outputs-1:0] out_ready
);

  logic in_ready;
  logic [DataBits-1:0] out;
  logic [Outputs-1:0] out_valid;

  hwf_fork #(
      .DataBits(DataBits),
      .Outputs (Outputs)
  ) u_dut (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata (in),
      .s_axis_tvalid(in_valid),
      .s_axis_tready(in_ready),
      .m_axis_tdata (out),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_ready)
  );

  fv_reset u_reset (.ap_clk, .ap_rst_n);
  fv_stable #(
      .Bits(DataBits),
      .Assume(1'b1)
  ) u_in (
      .ap_clk,
      .ap_rst_n,
      .valid(in_valid),
      .ready(in_ready),
      .payload(in)
  );

  // Beats that each output has taken less beats that left the input: 0, or 1 while the beat that
  // the input still offers is with it already.
  (* hierconn *)logic [Outputs-1:0] \u_dut.done_q ;
  logic [Outputs-1:0] ahead_q, takes, late, fair;
  logic [$clog2(Every + 1)-1:0] waits_q;  // clocks for which the input's beat has waited
  assign takes = out_valid & out_ready;

  for (genvar i = 0; i < Outputs; i++) begin : gen_output
    logic [$clog2(Every + 1)-1:0] since;
    fv_stable #(
        .Bits(DataBits)
    ) u_out (
        .ap_clk,
        .ap_rst_n,
        .valid(out_valid[i]),
        .ready(out_ready[i]),
        .payload(out)
    );
    fv_fair #(
        .Every(Every)
    ) u_sink (
        .ap_clk,
        .ap_rst_n,
        .event_i(out_ready[i]),
        .fair_o (fair[i]),
        .since_o(since)
    );
    assign late[i] = !ahead_q[i] && 32'(since) < 32'(waits_q);
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n || (in_valid && in_ready)) ahead_q <= '0;
    else ahead_q <= ahead_q | takes;
    if (!ap_rst_n || !in_valid || in_ready) waits_q <= '0;
    else waits_q <= waits_q + 1'b1;
    if (ap_rst_n) begin
      p_once : assert ((takes & ahead_q) == '0);
      p_order : assert (takes == '0 || (in_valid && out == in));
      if (in_valid && in_ready) p_all : assert ((ahead_q | takes) == '1);
      if (&fair) p_response : assert (32'(waits_q) < Every);
      // Whoever lacks the beat was not ready since it came.
      if (&fair) h_late : assert (late == '0);
      h_waits : assert (waits_q == '0 || ahead_q != '1);
      h_idle : assert (in_valid || ahead_q == '0);
      h_done : assert (\u_dut.done_q == ahead_q);
    end
  end

endmodule

`default_nettype wire
