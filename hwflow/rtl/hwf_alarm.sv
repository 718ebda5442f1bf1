// SPDX-License-Identifier: BSD-3-Clause
// Tells when more frames escalate than expected: the input has drifted from what was calibrated.
//
// Of every `window_i` decisions more than `limit_i` wished to escalate: `alarm_o` is high for one
// clock, the one after the window's last decision. Windows follow each other without gap. A window
// of 0 switches off. Both numbers may change at any time; a window in progress then ends by the new
// ones.
`default_nettype none

module hwf_alarm #(
    parameter int unsigned CountBits = 16
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input wire logic [CountBits-1:0] window_i,
    input wire logic [CountBits-1:0] limit_i,

    input wire logic decided_i,  // one clock a decision
    input wire logic wished_i,   // with it: the frame wished to escalate

    output logic alarm_o
);

  logic [CountBits-1:0] seen_q, wished_q;
  logic [CountBits:0] seen, wished;
  logic last;

  assign seen = {1'b0, seen_q} + 1'b1;
  assign wished = {1'b0, wished_q} + (CountBits + 1)'(wished_i);
  assign last = seen >= {1'b0, window_i};

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n || window_i == '0) begin
      seen_q   <= '0;
      wished_q <= '0;
      alarm_o  <= 1'b0;
    end else begin
      alarm_o <= decided_i && last && wished > {1'b0, limit_i};
      if (decided_i) begin
        seen_q   <= last ? '0 : seen[CountBits-1:0];
        wished_q <= last ? '0 : wished[CountBits-1:0];
      end
    end
  end

endmodule

`default_nettype wire
