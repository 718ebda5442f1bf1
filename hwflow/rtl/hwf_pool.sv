// SPDX-License-Identifier: BSD-3-Clause
// Streaming KernelH × KernelW pool over one NHWC feature map, stride = kernel: maximum or sum.
//
// A beat carries `Lanes` neighbouring channels, lane 0 lowest; `Folds` beats make a pixel. Elements
// are `InBits` bits in and `OutBits` bits out, two's complement if `Signed`: InBits for a maximum; a
// sum is kept modulo 2^OutBits, so they must hold it. ±1 maps travel as bits {0, 1}, where the
// maximum is the same. Rows and columns beyond whole windows are read and dropped (floor mode).
// Throughput: one input beat a clock. Latency: one clock from a window's last beat. It keeps one
// running value per window of the current row of windows, Width/KernelW × Folds words in LUT RAM.
// Handshake: input ready is combinational in `m_axis_tready`, and only while a result waits.
`default_nettype none

module hwf_pool #(
    parameter int unsigned Height = 4,
    parameter int unsigned Width = 4,
    parameter int unsigned Folds = 1,
    parameter int unsigned Lanes = 1,
    parameter int unsigned InBits = 1,
    parameter int unsigned OutBits = 1,
    parameter int unsigned KernelH = 2,
    parameter int unsigned KernelW = 2,
    parameter bit Sum = 1'b0,
    parameter bit Signed = 1'b0
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [Lanes*InBits-1:0] s_axis_tdata,
    input  wire logic                    s_axis_tvalid,
    output      logic                    s_axis_tready,

    output      logic [Lanes*OutBits-1:0] m_axis_tdata,
    output      logic                     m_axis_tvalid,
    input  wire logic                     m_axis_tready
);

  localparam int unsigned OUT_WIDTH = Width / KernelW;
  localparam int unsigned OUT_HEIGHT = Height / KernelH;
  localparam int unsigned DEPTH = OUT_WIDTH * Folds;
  localparam int unsigned X_BITS = $clog2(Width + 1);
  localparam int unsigned Y_BITS = $clog2(Height + 1);
  localparam int unsigned KX_BITS = $clog2(KernelW + 1);
  localparam int unsigned KY_BITS = $clog2(KernelH + 1);
  localparam int unsigned F_BITS = $clog2(Folds + 1);
  localparam int unsigned A_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;

  if (KernelH < 1 || KernelW < 1 || OUT_WIDTH < 1 || OUT_HEIGHT < 1) begin : gen_check_window
    $fatal(1, "hwf_pool: no whole window");
  end
  if (!Sum && OutBits != InBits) begin : gen_check_bits
    $fatal(1, "hwf_pool: a maximum has the bits of its inputs");
  end

  logic en, take;
  assign en = !m_axis_tvalid || m_axis_tready;
  assign s_axis_tready = en;
  assign take = en && s_axis_tvalid;

  // ---- Position: column x = OUT column × KernelW + kx, the same for rows ------------------------
  logic [F_BITS-1:0] fold_q;
  logic [X_BITS-1:0] x_q;
  logic [Y_BITS-1:0] y_q;
  logic [KX_BITS-1:0] kx_q;
  logic [KY_BITS-1:0] ky_q;
  logic [A_BITS-1:0] base_q;  // first word of the current window: OUT column × Folds
  logic last_fold, last_x, last_y, last_kx, last_ky, covered;

  assign last_fold = fold_q == F_BITS'(Folds - 1);
  assign last_x = x_q == X_BITS'(Width - 1);
  assign last_y = y_q == Y_BITS'(Height - 1);
  assign last_kx = kx_q == KX_BITS'(KernelW - 1);
  assign last_ky = ky_q == KY_BITS'(KernelH - 1);
  assign covered = x_q < X_BITS'(OUT_WIDTH * KernelW) && y_q < Y_BITS'(OUT_HEIGHT * KernelH);

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

  // ---- Running values --------------------------------------------------------------------------
  (* ram_style = "distributed" *)
  logic [Lanes*OutBits-1:0] run_mem[DEPTH];
  logic [A_BITS-1:0] address;
  logic [Lanes*OutBits-1:0] held, value;
  logic first;
  assign address = base_q + A_BITS'(fold_q);
  assign held = run_mem[address];
  assign first = kx_q == '0 && ky_q == '0;

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    logic [OutBits-1:0] now, old;
    assign old = held[l*OutBits+:OutBits];
    if (Signed) begin : gen_extend_sign
      assign now = OutBits'($signed(s_axis_tdata[l*InBits+:InBits]));
    end else begin : gen_extend_zero
      assign now = OutBits'(s_axis_tdata[l*InBits+:InBits]);
    end
    if (Sum) begin : gen_sum
      assign value[l*OutBits+:OutBits] = first ? now : old + now;
    end else begin : gen_max
      logic above;
      assign above = Signed ? $signed(now) > $signed(old) : now > old;
      assign value[l*OutBits+:OutBits] = first || above ? now : old;
    end
  end

  always_ff @(posedge ap_clk) if (take && covered) run_mem[address] <= value;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) m_axis_tvalid <= 1'b0;
    else if (en) m_axis_tvalid <= take && covered && last_kx && last_ky;
    if (en) m_axis_tdata <= value;
  end

endmodule

`default_nettype wire
