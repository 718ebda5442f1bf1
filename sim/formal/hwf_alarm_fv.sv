// SPDX-License-Identifier: BSD-3-Clause
// hwf_alarm against whole windows counted beside it; window and limit change as the solver likes.
`default_nettype none

module hwf_alarm_fv #(
    parameter int unsigned CountBits = 3
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic [CountBits-1:0] window,
    input wire logic [CountBits-1:0] limit,
    input wire logic decided,
    input wire logic wished
);

  logic alarm;

  hwf_alarm #(
      .CountBits(CountBits)
  ) u_dut (
      .ap_clk,
      .ap_rst_n,
      .window_i (window),
      .limit_i  (limit),
      .decided_i(decided),
      .wished_i (wished),
      .alarm_o  (alarm)
  );

  fv_reset u_reset (.ap_clk, .ap_rst_n);

  // Decisions since the last window ended, wishes among them, and what must be told of the last.
  logic [7:0] decisions_q, wishes_q, decisions, wishes;
  logic due_q, off_q;
  logic [7:0] apart_q;  // decisions since the last alarm, with the window as it is
  logic [CountBits-1:0] window_q;
  assign decisions = decisions_q + 8'(decided);
  assign wishes = wishes_q + 8'(decided && wished);

  always_ff @(posedge ap_clk) begin
    off_q <= !ap_rst_n || window == '0;
    due_q <= ap_rst_n && window != '0 && decided && decisions >= 8'(window) && wishes > 8'(limit);
    window_q <= window;
    if (!ap_rst_n || window == '0 || (decided && decisions >= 8'(window))) begin
      decisions_q <= '0;
      wishes_q <= '0;
    end else begin
      decisions_q <= decisions;
      wishes_q <= wishes;
    end
    // As if one had been long ago, after reset and wherever the window changes.
    if (!ap_rst_n || window == '0 || window != window_q) apart_q <= '1;
    else if (alarm) apart_q <= 8'(decided);
    else if (decided && apart_q != '1) apart_q <= apart_q + 1'b1;
    if (ap_rst_n) begin
      p_alarm : assert (alarm == due_q);
      if (off_q) p_off : assert (!alarm);
      if (alarm && window == window_q) p_apart : assert (apart_q >= 8'(window));
    end
  end

  (* hierconn *)logic [CountBits-1:0] \u_dut.seen_q ;
  (* hierconn *)logic [CountBits-1:0] \u_dut.wished_q ;
  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) begin
      h_seen : assert (8'(\u_dut.seen_q ) == decisions_q && 8'(\u_dut.wished_q ) == wishes_q);
      h_wished : assert (wishes_q <= decisions_q);
      h_window : assert (decisions_q < (8'd1 << CountBits));
      h_alarm : assert (!alarm || decisions_q == '0);
      h_apart : assert (alarm || apart_q == '1 || apart_q >= decisions_q);
    end
  end

endmodule

`default_nettype wire
