// SPDX-License-Identifier: BSD-3-Clause
// Surrounds one NHWC feature map by rows and columns of a constant.
//
// A beat carries `Lanes` neighbouring channels of `Bits` bits, lane 0 lowest; `Folds` beats make a
// pixel. `Value` is the code that each padded channel carries, cut to `Bits` bits: two's complement
// for signed maps, 0 for -1 in ±1 maps, which travel as bits.
// Throughput: one output beat a clock. Latency: one clock. A frame's leading padding waits for the
// frame's first input beat, so that nothing comes out before something goes in.
// Handshake: input ready is combinational in `m_axis_tready`, and only while a result waits.
`default_nettype none

module hwf_pad #(
    parameter int unsigned Height = 4,
    parameter int unsigned Width = 4,
    parameter int unsigned Folds = 1,
    parameter int unsigned Lanes = 1,
    parameter int unsigned Bits = 1,
    parameter int unsigned Top = 1,
    parameter int unsigned Left = 1,
    parameter int unsigned Bottom = 1,
    parameter int unsigned Right = 1,
    parameter int Value = 0
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [Lanes*Bits-1:0] s_axis_tdata,
    input  wire logic                  s_axis_tvalid,
    output      logic                  s_axis_tready,

    output      logic [Lanes*Bits-1:0] m_axis_tdata,
    output      logic                  m_axis_tvalid,
    input  wire logic                  m_axis_tready
);

  localparam int unsigned OUT_WIDTH = Left + Width + Right;
  localparam int unsigned OUT_HEIGHT = Top + Height + Bottom;
  // One code more than there are columns and rows: see `covered`.
  localparam int unsigned X_BITS = $clog2(OUT_WIDTH + 1);
  localparam int unsigned Y_BITS = $clog2(OUT_HEIGHT + 1);
  localparam int unsigned F_BITS = $clog2(Folds + 1);

  if (Height < 1 || Width < 1 || Folds < 1 || Lanes < 1 || Bits < 1) begin : gen_check_map
    $fatal(1, "hwf_pad: empty map");
  end

  // ---- Position in the padded map --------------------------------------------------------------
  logic [F_BITS-1:0] fold_q;
  logic [X_BITS-1:0] x_q;
  logic [Y_BITS-1:0] y_q;
  logic last_fold, last_x, last_y, first, covered, step, en;

  assign last_fold = fold_q == F_BITS'(Folds - 1);
  assign last_x = x_q == X_BITS'(OUT_WIDTH - 1);
  assign last_y = y_q == Y_BITS'(OUT_HEIGHT - 1);
  assign first = fold_q == '0 && x_q == '0 && y_q == '0;
  // Left of and above the map the differences wrap round to more than its size.
  assign covered = X_BITS'(x_q - X_BITS'(Left)) < X_BITS'(Width)
               && Y_BITS'(y_q - Y_BITS'(Top)) < Y_BITS'(Height);

  assign en = !m_axis_tvalid || m_axis_tready;
  assign step = en && (s_axis_tvalid || !(covered || first));
  assign s_axis_tready = en && covered;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      fold_q <= '0;
      x_q <= '0;
      y_q <= '0;
    end else if (step) begin
      fold_q <= last_fold ? '0 : fold_q + 1'b1;
      if (last_fold) begin
        x_q <= last_x ? '0 : x_q + 1'b1;
        if (last_x) y_q <= last_y ? '0 : y_q + 1'b1;
      end
    end
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) m_axis_tvalid <= 1'b0;
    else if (en) m_axis_tvalid <= step;
    if (en) m_axis_tdata <= covered ? s_axis_tdata : {Lanes{Bits'(Value)}};
  end

endmodule

`default_nettype wire
