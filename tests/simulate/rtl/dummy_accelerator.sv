// SPDX-License-Identifier: BSD-3-Clause
//
// A small real design with the accelerator's ports, to prove the bench by: each frame of FrameBeats
// beats becomes one result whose value is the sum of its bytes plus a ROM word; the running sum
// passes at the tap. One register at address 0, read as written; others answer SLVERR. With Hang,
// the result of frame HangFrame never comes.
`default_nettype none
module dummy_accelerator #(
  parameter int unsigned FrameBeats = 4,
  parameter int unsigned HangFrame = 32'hffff_ffff
) (
  input  logic        ap_clk,
  input  logic        ap_rst_n,
  input  logic [63:0] s_axis_frame_tdata,
  input  logic        s_axis_frame_tvalid,
  output logic        s_axis_frame_tready,
  input  logic        s_axis_frame_tlast,
  output logic [63:0] m_axis_result_tdata,
  output logic        m_axis_result_tvalid,
  input  logic        m_axis_result_tready,
  output logic        tap0_valid_o,
  output logic [95:0] tap0_data_o,
  input  logic [7:0]  s_axi_ctrl_awaddr,
  input  logic        s_axi_ctrl_awvalid,
  output logic        s_axi_ctrl_awready,
  input  logic [31:0] s_axi_ctrl_wdata,
  input  logic [3:0]  s_axi_ctrl_wstrb,
  input  logic        s_axi_ctrl_wvalid,
  output logic        s_axi_ctrl_wready,
  output logic [1:0]  s_axi_ctrl_bresp,
  output logic        s_axi_ctrl_bvalid,
  input  logic        s_axi_ctrl_bready,
  input  logic [7:0]  s_axi_ctrl_araddr,
  input  logic        s_axi_ctrl_arvalid,
  output logic        s_axi_ctrl_arready,
  output logic [31:0] s_axi_ctrl_rdata,
  output logic [1:0]  s_axi_ctrl_rresp,
  output logic        s_axi_ctrl_rvalid,
  input  logic        s_axi_ctrl_rready
);
  logic [15:0] rom [2];
  initial $readmemh("rom.dat", rom);

  logic [31:0] sum_q, frame_q, scratch_q;
  logic [31:0] beat_q;
  logic        full_q;
  logic [31:0] beat_sum;

  always_comb begin
    beat_sum = 0;
    for (int unsigned i = 0; i < 8; i++) beat_sum += 32'(s_axis_frame_tdata[8*i +: 8]);
  end

  wire take = s_axis_frame_tvalid && s_axis_frame_tready;
  wire last = beat_q == FrameBeats - 1;
  assign s_axis_frame_tready = ap_rst_n && !full_q;
  assign m_axis_result_tvalid = full_q && frame_q != HangFrame;
  assign m_axis_result_tdata = {frame_q, sum_q + 32'(rom[frame_q[0]])};
  assign tap0_valid_o = take;
  assign tap0_data_o = {32'(s_axis_frame_tlast), frame_q, sum_q + beat_sum};

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      sum_q   <= 0;
      frame_q <= 0;
      beat_q  <= 0;
      full_q  <= 0;
    end else if (take) begin
      sum_q  <= sum_q + beat_sum;
      beat_q <= last ? 0 : beat_q + 1;
      full_q <= last;
    end else if (m_axis_result_tvalid && m_axis_result_tready) begin
      sum_q   <= 0;
      frame_q <= frame_q + 1;
      full_q  <= 0;
    end
  end

  assign s_axi_ctrl_awready = s_axi_ctrl_awvalid && s_axi_ctrl_wvalid && !s_axi_ctrl_bvalid;
  assign s_axi_ctrl_wready  = s_axi_ctrl_awready;
  assign s_axi_ctrl_arready = !s_axi_ctrl_rvalid;
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      s_axi_ctrl_bvalid <= 0;
      s_axi_ctrl_rvalid <= 0;
      scratch_q <= 0;
    end else begin
      if (s_axi_ctrl_awready) begin
        s_axi_ctrl_bvalid <= 1;
        s_axi_ctrl_bresp <= s_axi_ctrl_awaddr == 0 ? 2'b00 : 2'b10;
        for (int unsigned i = 0; i < 4; i++) begin
          if (s_axi_ctrl_awaddr == 0 && s_axi_ctrl_wstrb[i]) begin
            scratch_q[8*i +: 8] <= s_axi_ctrl_wdata[8*i +: 8];
          end
        end
      end else if (s_axi_ctrl_bready) begin
        s_axi_ctrl_bvalid <= 0;
      end
      if (s_axi_ctrl_arvalid && s_axi_ctrl_arready) begin
        s_axi_ctrl_rvalid <= 1;
        s_axi_ctrl_rdata <= scratch_q;
        s_axi_ctrl_rresp <= s_axi_ctrl_araddr == 0 ? 2'b00 : 2'b10;
      end else if (s_axi_ctrl_rready) begin
        s_axi_ctrl_rvalid <= 0;
      end
    end
  end
endmodule
`default_nettype wire
