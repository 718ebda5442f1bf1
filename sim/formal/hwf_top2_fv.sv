// SPDX-License-Identifier: BSD-3-Clause
// hwf_top2: one verdict a frame, in order, with label and margin by their definition (fv_best2).
`default_nettype none

module hwf_top2_fv #(
    parameter int unsigned Classes = 3,
    parameter int unsigned Lanes = 2,
    parameter int unsigned ScoreBits = 3,
    parameter int unsigned Every = 2,
    localparam int unsigned InBits = Lanes * ScoreBits
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic [InBits-1:0] in,
    input wire logic in_valid,
    input wire logic verdict_ready
);

  localparam int unsigned BEATS = (Classes + Lanes - 1) / Lanes;
  localparam int unsigned BEAT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
  localparam int unsigned WIDE = ScoreBits + 1;
  localparam int unsigned ALL_BITS = Classes * ScoreBits;
  localparam int unsigned VERDICT_BITS = 12 + ScoreBits;

  logic in_ready, verdict_valid;
  logic [11:0] verdict_label;
  logic [ScoreBits-1:0] verdict_margin;

  hwf_top2 #(
      .Classes(Classes),
      .Lanes(Lanes),
      .ScoreBits(ScoreBits)
  ) u_dut (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata(in),
      .s_axis_tvalid(in_valid),
      .s_axis_tready(in_ready),
      .verdict_valid_o(verdict_valid),
      .verdict_ready_i(verdict_ready),
      .verdict_label_o(verdict_label),
      .verdict_margin_o(verdict_margin)
  );

  logic [VERDICT_BITS-1:0] verdict;
  assign verdict = {verdict_label, verdict_margin};

  fv_reset u_reset (.ap_clk, .ap_rst_n);
  fv_stable #(
      .Bits(VERDICT_BITS)
  ) u_out (
      .ap_clk,
      .ap_rst_n,
      .valid(verdict_valid),
      .ready(verdict_ready),
      .payload(verdict)
  );
  logic fair;
  logic [$clog2(Every + 1)-1:0] since;
  fv_fair #(
      .Every(Every)
  ) u_sink (
      .ap_clk,
      .ap_rst_n,
      .event_i(verdict_ready),
      .fair_o (fair),
      .since_o(since)
  );

  // ---- Scores of the frame that comes in, and the verdict that it must get ----------------------
  logic [ALL_BITS-1:0] scores_q, scores_d;
  logic [BEAT_BITS-1:0] beat_q;  // the next one's place in its frame
  logic take, last;
  assign take = in_valid && in_ready;
  assign last = beat_q == BEAT_BITS'(BEATS - 1);
  always_comb begin
    scores_d = scores_q;
    for (int unsigned c = 0; c < Classes; c++) begin
      if (c / Lanes == 32'(beat_q)) scores_d[c*ScoreBits+:ScoreBits] = in[c%Lanes*ScoreBits+:ScoreBits];
    end
  end
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) beat_q <= '0;
    else if (take) beat_q <= last ? '0 : beat_q + 1'b1;
    if (take) scores_q <= scores_d;
  end

  logic [Classes-1:0] every_class;
  logic [11:0] expected_label;
  logic signed [WIDE-1:0] expected_best, expected_second;
  logic [WIDE-1:0] expected_margin;
  logic [VERDICT_BITS-1:0] expected;
  assign every_class = '1;
  fv_best2 #(
      .Classes(Classes),
      .ScoreBits(ScoreBits)
  ) u_expected (
      .scores_i(scores_d),
      .mask_i  (every_class),
      .label_o (expected_label),
      .best_o  (expected_best),
      .second_o(expected_second)
  );
  assign expected_margin = expected_best - expected_second;
  assign expected = {expected_label, expected_margin[ScoreBits-1:0]};

  logic push, pop;
  logic [1:0] count;
  logic [2*VERDICT_BITS-1:0] words;
  logic [$clog2(3 * (Every + 1) + 1)-1:0] idle;
  assign push = take && last;
  assign pop  = verdict_valid && verdict_ready;
  fv_queue #(
      .Bits(VERDICT_BITS),
      .Depth(2),
      .Within(Every + 1)
  ) u_queue (
      .ap_clk,
      .ap_rst_n,
      .fair,
      .push,
      .push_data(expected),
      .pop,
      .pop_data(verdict),
      .count_o(count),
      .words_o(words),
      .idle_o(idle)
  );

  // ---- What the block's registers must hold of the frame so far ---------------------------------
  (* hierconn *)logic \u_dut.valid_q ;
  (* hierconn *)logic \u_dut.first_q ;
  (* hierconn *)logic \u_dut.last_q ;
  (* hierconn *)logic [BEAT_BITS-1:0] \u_dut.beat_q ;
  (* hierconn *)logic [11:0] \u_dut.base_q ;
  (* hierconn *)logic [11:0] \u_dut.beat_label_q ;
  (* hierconn *)logic [WIDE-1:0] \u_dut.beat_best_q ;
  (* hierconn *)logic [WIDE-1:0] \u_dut.beat_second_q ;
  (* hierconn *)logic [11:0] \u_dut.run_label_q ;
  (* hierconn *)logic [WIDE-1:0] \u_dut.run_best_q ;
  (* hierconn *)logic [WIDE-1:0] \u_dut.run_second_q ;
  (* hierconn *)logic [11:0] \u_dut.run_label ;
  (* hierconn *)logic [WIDE-1:0] \u_dut.difference ;

  logic [BEAT_BITS-1:0] staged;  // place of the last beat taken
  logic [Classes-1:0] of_beat, of_run;
  assign staged = beat_q == '0 ? BEAT_BITS'(BEATS - 1) : beat_q - 1'b1;
  for (genvar c = 0; c < Classes; c++) begin : gen_class
    assign of_beat[c] = c / Lanes == 32'(staged);
    assign of_run[c]  = c / Lanes < 32'(\u_dut.valid_q ? staged : beat_q);
  end

  logic [11:0] beat_label, run_label;
  logic signed [WIDE-1:0] beat_best, beat_second, run_best, run_second;
  fv_best2 #(
      .Classes(Classes),
      .ScoreBits(ScoreBits)
  ) u_beat (
      .scores_i(scores_q),
      .mask_i  (of_beat),
      .label_o (beat_label),
      .best_o  (beat_best),
      .second_o(beat_second)
  );
  fv_best2 #(
      .Classes(Classes),
      .ScoreBits(ScoreBits)
  ) u_run (
      .scores_i(scores_q),
      .mask_i  (of_run),
      .label_o (run_label),
      .best_o  (run_best),
      .second_o(run_second)
  );

  logic [VERDICT_BITS-1:0] newest;
  assign newest = verdict_valid ? words[2*VERDICT_BITS-1:VERDICT_BITS] : words[VERDICT_BITS-1:0];

  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) begin
      h_place : assert (\u_dut.beat_q == beat_q && 32'(beat_q) < BEATS);
      h_base : assert (32'(\u_dut.base_q ) == 32'(beat_q) * Lanes);
      h_count : assert (count == 2'(verdict_valid) + 2'(\u_dut.valid_q && \u_dut.last_q ));
      if (verdict_valid) h_verdict : assert (verdict == words[VERDICT_BITS-1:0]);
      if (\u_dut.valid_q ) begin
        h_first : assert (\u_dut.first_q == (staged == '0));
        h_last : assert (\u_dut.last_q == (staged == BEAT_BITS'(BEATS - 1)));
        h_beat_label : assert (\u_dut.beat_label_q == beat_label);
        h_beat_best : assert (\u_dut.beat_best_q == beat_best);
        h_beat_second : assert (\u_dut.beat_second_q == beat_second);
        if (\u_dut.last_q ) begin
          h_newest : assert ({\u_dut.run_label , \u_dut.difference [ScoreBits-1:0]} == newest);
        end
      end
      if (of_run != '0) begin
        h_run_label : assert (\u_dut.run_label_q == run_label);
        h_run_best : assert (\u_dut.run_best_q == run_best);
        h_run_second : assert (\u_dut.run_second_q == run_second);
      end
      if (fair) h_pace : assert (32'(idle) <= (verdict_valid ? 32'(since) + 1 : 0));
    end
  end

endmodule

`default_nettype wire
