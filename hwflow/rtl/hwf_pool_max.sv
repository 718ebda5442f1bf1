// SPDX-License-Identifier: BSD-3-Clause
// Streaming k × k max-pool with stride k over one NHWC feature map of unsigned integers.
//
// A beat carries `Lanes` neighbouring channels of `Bits` bits, lane 0 lowest; `Folds` beats make a
// pixel. ±1 maps travel as bits {0, 1}, where the maximum is the same. Rows and columns beyond a
// whole number of windows are read and dropped (floor mode).
// Throughput: one input beat a clock. Latency: one clock from a window's last beat. It keeps one
// running maximum per window of the current row of windows, Width/K × Folds words, which is K
// times less than buffering rows in front of a sliding window.
// Handshake: input ready is combinational in `m_axis_tready`, and only while a result waits.
`default_nettype none

module hwf_pool_max #(
    parameter int unsigned Height = 4,
    parameter int unsigned Width = 4,
    parameter int unsigned Folds = 1,
    parameter int unsigned Lanes = 1,
    parameter int unsigned Bits = 1,
    parameter int unsigned K = 2
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

  localparam int unsigned OUT_WIDTH = Width / K;
  localparam int unsigned OUT_HEIGHT = Height / K;
  localparam int unsigned DEPTH = OUT_WIDTH * Folds;
  localparam int unsigned X_BITS = $clog2(Width + 1);
  localparam int unsigned Y_BITS = $clog2(Height + 1);
  localparam int unsigned K_BITS = $clog2(K + 1);
  localparam int unsigned F_BITS = $clog2(Folds + 1);
  localparam int unsigned A_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;

  if (K < 1 || OUT_WIDTH < 1 || OUT_HEIGHT < 1) begin : gen_check_window
    $fatal(1, "hwf_pool_max: no whole window");
  end

  logic en, take;
  assign en = !m_axis_tvalid || m_axis_tready;
  assign s_axis_tready = en;
  assign take = en && s_axis_tvalid;

  // ---- Position: column x = OUT column × K + kx, the same for rows -----------------------------
  logic [F_BITS-1:0] fold_q;
  logic [X_BITS-1:0] x_q;
  logic [Y_BITS-1:0] y_q;
  logic [K_BITS-1:0] kx_q, ky_q;
  logic [A_BITS-1:0] base_q;  // first word of the current window: OUT column × Folds
  logic last_fold, last_x, last_y, last_kx, last_ky, covered;

  assign last_fold = fold_q == F_BITS'(Folds - 1);
  assign last_x = x_q == X_BITS'(Width - 1);
  assign last_y = y_q == Y_BITS'(Height - 1);
  assign last_kx = kx_q == K_BITS'(K - 1);
  assign last_ky = ky_q == K_BITS'(K - 1);
  assign covered = x_q < X_BITS'(OUT_WIDTH * K) && y_q < Y_BITS'(OUT_HEIGHT * K);

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      fold_q <= '0;
      x_q <= '0;
      y_q <= '0;
      kx_q <= '0;
      ky_q <= '0;
      base_q <= '0;
    end else if (take) begin
      fold_q <= last_fold ? '0 : fold_q + 1'b1;
      if (last_fold) begin
        x_q  <= last_x ? '0 : x_q + 1'b1;
        kx_q <= last_x || last_kx ? '0 : kx_q + 1'b1;
        if (last_x) base_q <= '0;
        else if (last_kx) base_q <= base_q + A_BITS'(Folds);
        if (last_x) begin
          y_q  <= last_y ? '0 : y_q + 1'b1;
          ky_q <= last_y || last_ky ? '0 : ky_q + 1'b1;
        end
      end
    end
  end

  // ---- Running maxima --------------------------------------------------------------------------
  logic [Lanes*Bits-1:0] max_mem[DEPTH];
  logic [A_BITS-1:0] address;
  logic [Lanes*Bits-1:0] held, best;
  logic first;
  assign address = base_q + A_BITS'(fold_q);
  assign held = max_mem[address];
  assign first = kx_q == '0 && ky_q == '0;

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    wire [Bits-1:0] now = s_axis_tdata[l*Bits+:Bits];
    wire [Bits-1:0] old = held[l*Bits+:Bits];
    assign best[l*Bits+:Bits] = first || now > old ? now : old;
  end

  always_ff @(posedge ap_clk) if (take && covered) max_mem[address] <= best;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) m_axis_tvalid <= 1'b0;
    else if (en) m_axis_tvalid <= take && covered && last_kx && last_ky;
    if (en) m_axis_tdata <= best;
  end

endmodule

`default_nettype wire
