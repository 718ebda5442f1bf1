// SPDX-License-Identifier: BSD-3-Clause
// hwf_merge: what any input gives leaves once, in order, and nobody who waits is passed over for
// more than Inputs - 1 beats; the sink is fair.
`default_nettype none

module hwf_merge_fv #(
    parameter int unsigned Inputs = 3,
    parameter int unsigned DataBits = 2,
    parameter int unsigned Every = 2
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic [Inputs*DataBits-1:0] in,
    input wire logic [Inputs-1:0] in_valid,
    input wire logic out_ready
);

  logic [Inputs-1:0] in_ready;
  logic [DataBits-1:0] out;
  logic out_valid;

  hwf_merge #(
      .Inputs  (Inputs),
      .DataBits(DataBits)
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

  logic [Inputs-1:0] takes;
  logic some;
  logic [DataBits-1:0] taken;
  assign takes = in_valid & in_ready;
  assign some = takes != '0;
  always_comb begin
    taken = '0;
    for (int unsigned i = 0; i < Inputs; i++) if (takes[i]) taken = in[i*DataBits+:DataBits];
  end

  logic count;
  logic [DataBits-1:0] word;
  fv_pipe #(
      .Bits (DataBits),
      .Depth(1),
      .Every(Every)
  ) u_pipe (
      .ap_clk,
      .ap_rst_n,
      .in(taken),
      .in_valid(some),
      .in_ready(some),
      .out,
      .out_valid,
      .out_ready,
      .count_o(count),
      .words_o(word)
  );

  localparam int unsigned TURN_BITS = $clog2(Inputs + 1);
  localparam int unsigned WAIT_BITS = $clog2(2 * Inputs * Every + 1);
  (* hierconn *)logic [Inputs-1:0] \u_dut.later_q ;
  (* hierconn *)logic [$clog2(Every + 1)-1:0] \u_pipe.since ;
  (* hierconn *)logic \u_pipe.fair ;

  // Place of the lowest input of `later_q`, which is a run of ones up to the highest input.
  logic [TURN_BITS-1:0] first;
  always_comb begin
    first = TURN_BITS'(Inputs);
    for (int unsigned i = 0; i < Inputs; i++) begin
      if (\u_dut.later_q [Inputs-1-i]) first = TURN_BITS'(Inputs - 1 - i);
    end
  end

  // Clocks for which the output has stood still while full.
  logic [$clog2(Every + 1)-1:0] since_q;
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n || out_ready || !out_valid) since_q <= '0;
    else since_q <= since_q + 1'b1;
  end

  // Beats of others, and clocks, that passed while input i waited.
  logic [Inputs-1:0] fair, in_time, on_turn, on_pace;

  for (genvar i = 0; i < Inputs; i++) begin : gen_input
    logic [TURN_BITS-1:0] passed_q;
    logic [WAIT_BITS-1:0] waited_q;
    fv_stable #(
        .Bits(DataBits),
        .Assume(1'b1)
    ) u_in (
        .ap_clk,
        .ap_rst_n,
        .valid(in_valid[i]),
        .ready(in_ready[i]),
        .payload(in[i*DataBits+:DataBits])
    );
    always_ff @(posedge ap_clk) begin
      if (!ap_rst_n || !in_valid[i] || in_ready[i]) begin
        passed_q <= '0;
        waited_q <= '0;
      end else begin
        passed_q <= passed_q + TURN_BITS'(takes != '0);
        waited_q <= waited_q + 1'b1;
      end
    end
    assign fair[i] = 32'(passed_q) < Inputs;
    assign in_time[i] = 32'(waited_q) < Inputs * Every;
    // How many inputs may still come before this one.
    logic [TURN_BITS-1:0] rank;
    assign rank = \u_dut.later_q [i] ? TURN_BITS'(i) - first
        : TURN_BITS'(i) + (TURN_BITS'(Inputs) - first);
    assign on_turn[i] = passed_q == '0 || 32'(passed_q) + 32'(rank) < Inputs;
    assign on_pace[i] = 32'(waited_q) <= 32'(passed_q) * Every + 32'(since_q);
  end

  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) begin
      p_single : assert ((takes & (takes - 1'b1)) == '0);
      p_fair : assert (&fair);
      if (\u_pipe.fair ) p_service : assert (&in_time);
      h_run : assert (((~\u_dut.later_q ) & ((~\u_dut.later_q ) + 1'b1)) == '0);
      h_turn : assert (&on_turn);
      if (\u_pipe.fair ) h_pace_in : assert (&on_pace);
      if (\u_pipe.fair ) h_since : assert (32'(since_q) < Every && (out_valid || since_q == '0));
      if (\u_pipe.fair ) h_since_pace : assert (since_q <= \u_pipe.since );
    end
  end

endmodule

`default_nettype wire
