// SPDX-License-Identifier: BSD-3-Clause
// Sequence of a matrix unit's folds: which beat meets which weights.
//
// `Columns` folds make a row block, `Rows` row blocks a vector. Replay = 1 (dense): a vector is
// `Columns` beats, which the first row block reads from the stream and the later ones from the
// replay memory. Replay = 0 (depthwise): every fold reads a beat of its own.
// Throughput: one fold a clock, back to back. `fold_o` counts the folds of a vector and is the
// address of a memory whose output register makes its word come beside `beat_o`.
// Latency: one clock. `en_i` freezes everything; `ready` is combinational in it.
`default_nettype none

module hwf_folds #(
    parameter int unsigned Columns = 2,
    parameter int unsigned Rows = 2,
    parameter int unsigned Bits = 8,
    parameter bit Replay = 1'b1,
    localparam int unsigned FoldBits = Columns * Rows > 1 ? $clog2(Columns * Rows) : 1
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic en_i,

    input  wire logic [Bits-1:0] s_axis_tdata,
    input  wire logic            s_axis_tvalid,
    output      logic            s_axis_tready,

    output logic [FoldBits-1:0] fold_o,
    output logic [    Bits-1:0] beat_o,
    output logic                valid_o,
    output logic                last_o    // last fold of a row block
);

  localparam int unsigned COLUMN_BITS = Columns > 1 ? $clog2(Columns) : 1;

  if (Columns < 1 || Rows < 1) begin : gen_check_folds
    $fatal(1, "hwf_folds: Columns and Rows must be at least 1");
  end

  logic [COLUMN_BITS-1:0] column_q;
  logic last_column, last_fold, live, step;

  assign last_column = column_q == COLUMN_BITS'(Columns - 1);
  assign last_fold = fold_o == FoldBits'(Columns * Rows - 1);
  assign step = en_i && (!live || s_axis_tvalid);
  assign s_axis_tready = en_i && live;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      column_q <= '0;
      fold_o   <= '0;
      valid_o  <= 1'b0;
    end else begin
      if (step) begin
        column_q <= last_column ? '0 : column_q + 1'b1;
        fold_o   <= last_fold ? '0 : fold_o + 1'b1;
      end
      if (en_i) valid_o <= step;
    end
    if (en_i) last_o <= last_column;
  end

  if (Replay && Rows > 1) begin : gen_replay
    // The first row block of a vector is live: it reads the stream and fills the memory.
    logic live_q;
    always_ff @(posedge ap_clk) begin
      if (!ap_rst_n) live_q <= 1'b1;
      else if (step && last_column) live_q <= last_fold;
    end
    assign live = live_q;

    logic [Bits-1:0] replay_mem[Columns];
    always_ff @(posedge ap_clk) begin
      if (step && live) replay_mem[column_q] <= s_axis_tdata;
      if (en_i) beat_o <= live ? s_axis_tdata : replay_mem[column_q];
    end
  end else begin : gen_stream
    assign live = 1'b1;
    always_ff @(posedge ap_clk) if (en_i) beat_o <= s_axis_tdata;
  end

endmodule

`default_nettype wire
