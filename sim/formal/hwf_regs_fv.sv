// SPDX-License-Identifier: BSD-3-Clause
// hwf_regs as generated for two stages: AXI4-Lite handshakes, responses by the register
// description, and one register of each kind that is not trivial.
//
// prove.py sets the parameters from the description: which words exist and may be written (bit =
// address / 4), and where the registers are that are looked at. The driver takes responses fairly.
`default_nettype none

module hwf_regs_fv #(
    parameter logic [1023:0] Mapped = '0,
    parameter logic [1023:0] Writable = '0,
    parameter int unsigned IdWord = 0,
    parameter logic [31:0] Id = '0,
    parameter int unsigned ThresholdWord = 0,
    parameter int unsigned FramesWord = 0,
    parameter int unsigned StatusWord = 0,
    parameter int unsigned ControlWord = 0,
    parameter int unsigned LowWord = 0,
    parameter int unsigned HighWord = 0,
    parameter int unsigned Every = 2
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic clear,
    input wire logic frame_event,
    input wire logic alarm_event,
    input wire logic [11:0] awaddr,
    input wire logic awvalid,
    input wire logic [31:0] wdata,
    input wire logic [3:0] wstrb,
    input wire logic wvalid,
    input wire logic bready,
    input wire logic [11:0] araddr,
    input wire logic arvalid,
    input wire logic rready
);

  localparam logic [1:0] OKAY = 2'b00;
  localparam logic [1:0] SLVERR = 2'b10;

  logic awready, wready, bvalid, arready, rvalid, alarm, soft_reset;
  logic [1:0] bresp, rresp;
  logic [31:0] rdata, threshold;

  hwf_regs u_dut (
      .ap_clk,
      .ap_rst_n,
      .clear_i(clear),
      .control_soft_reset_o(soft_reset),
      .threshold_0_o(threshold),
      .frames_in_event_i(frame_event),
      .irq_status_alarm_event_i(alarm_event),
      .irq_status_alarm_o(alarm),
      .s_axi_ctrl_awaddr(awaddr),
      .s_axi_ctrl_awvalid(awvalid),
      .s_axi_ctrl_awready(awready),
      .s_axi_ctrl_wdata(wdata),
      .s_axi_ctrl_wstrb(wstrb),
      .s_axi_ctrl_wvalid(wvalid),
      .s_axi_ctrl_wready(wready),
      .s_axi_ctrl_bresp(bresp),
      .s_axi_ctrl_bvalid(bvalid),
      .s_axi_ctrl_bready(bready),
      .s_axi_ctrl_araddr(araddr),
      .s_axi_ctrl_arvalid(arvalid),
      .s_axi_ctrl_arready(arready),
      .s_axi_ctrl_rdata(rdata),
      .s_axi_ctrl_rresp(rresp),
      .s_axi_ctrl_rvalid(rvalid),
      .s_axi_ctrl_rready(rready)
  );

  // ---- Handshakes -------------------------------------------------------------------------------
  logic [35:0] w_payload;
  logic [33:0] r_payload;
  assign w_payload = {wstrb, wdata};
  assign r_payload = {rresp, rdata};
  fv_reset u_reset (.ap_clk, .ap_rst_n);
  fv_stable #(
      .Bits(12),
      .Assume(1'b1)
  ) u_aw (
      .ap_clk,
      .ap_rst_n,
      .valid(awvalid),
      .ready(awready),
      .payload(awaddr)
  );
  fv_stable #(
      .Bits(36),
      .Assume(1'b1)
  ) u_w (
      .ap_clk,
      .ap_rst_n,
      .valid(wvalid),
      .ready(wready),
      .payload(w_payload)
  );
  fv_stable #(
      .Bits(12),
      .Assume(1'b1)
  ) u_ar (
      .ap_clk,
      .ap_rst_n,
      .valid(arvalid),
      .ready(arready),
      .payload(araddr)
  );
  fv_stable #(
      .Bits(2)
  ) u_b (
      .ap_clk,
      .ap_rst_n,
      .valid(bvalid),
      .ready(bready),
      .payload(bresp)
  );
  fv_stable #(
      .Bits(34)
  ) u_r (
      .ap_clk,
      .ap_rst_n,
      .valid(rvalid),
      .ready(rready),
      .payload(r_payload)
  );
  logic fair;
  logic [$clog2(Every + 1)-1:0] since;
  fv_fair #(
      .Every(Every)
  ) u_driver (
      .ap_clk,
      .ap_rst_n,
      .event_i(bready),
      .fair_o (fair),
      .since_o(since)
  );

  // ---- Writes: address and data wait for each other; the response tells that it is done ---------
  logic aw_q, w_q, told_q, aw_fire, w_fire, done;
  logic [9:0] word_q;
  logic [31:0] data_q, mask;
  logic [3:0] strobe_q;
  logic [7:0] waits_q;
  assign aw_fire = awvalid && awready;
  assign w_fire = wvalid && wready;
  assign done = bvalid && !told_q;  // a response that was not there before
  assign mask = {{8{strobe_q[3]}}, {8{strobe_q[2]}}, {8{strobe_q[1]}}, {8{strobe_q[0]}}};
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      aw_q <= 1'b0;
      w_q  <= 1'b0;
    end else begin
      if (aw_fire || done) aw_q <= aw_fire;
      if (w_fire || done) w_q <= w_fire;
    end
    if (aw_fire) word_q <= awaddr[11:2];
    if (w_fire) {strobe_q, data_q} <= {wstrb, wdata};
    told_q <= ap_rst_n && bvalid && !bready;
    if (!ap_rst_n || !aw_q || !w_q || done) waits_q <= '0;
    else waits_q <= waits_q + 1'b1;
  end

  // ---- What the registers must hold -------------------------------------------------------------
  logic alive_q, alarm_event_q, alarm_q, asked_q;
  logic [9:0] asked_word_q;
  logic [31:0] threshold_q, frames_q, frames_then_q, low_then_q, high_q, high_then_q;
  logic [63:0] timer_q;
  logic ask;
  assign ask = arvalid && arready;
  always_ff @(posedge ap_clk) begin
    alive_q <= ap_rst_n;
    threshold_q <= threshold;
    alarm_q <= alarm;
    alarm_event_q <= alarm_event;
    if (!ap_rst_n || clear) frames_q <= '0;
    else if (frame_event) frames_q <= frames_q + 1'b1;
    if (!ap_rst_n || clear) timer_q <= '0;
    else timer_q <= timer_q + 1'b1;
    if (!ap_rst_n) high_q <= '0;
    else if (ask && 32'(araddr[11:2]) == LowWord) high_q <= timer_q[63:32];
    asked_q <= ap_rst_n && ask;
    asked_word_q <= araddr[11:2];
    frames_then_q <= frames_q;
    low_then_q <= timer_q[31:0];
    high_then_q <= high_q;
  end

  always_ff @(posedge ap_clk) begin
    if (ap_rst_n && alive_q) begin
      p_answer : assert (!(aw_fire && aw_q && !done) && !(w_fire && w_q && !done)
          && (!done || (aw_q && w_q)));
      if (done) p_bresp : assert (bresp == (Writable[word_q] ? OKAY : SLVERR));
      p_setting : assert (threshold == (done && 32'(word_q) == ThresholdWord
          ? (threshold_q & ~mask) | (data_q & mask) : threshold_q));
      p_sticky : assert (alarm == (alarm_event_q
          || (alarm_q && !(done && 32'(word_q) == StatusWord && data_q[0] && strobe_q[0]))));
      p_pulse : assert (soft_reset
          == (done && 32'(word_q) == ControlWord && data_q[1] && strobe_q[0]));
      if (asked_q) begin
        p_timer : assert ((32'(asked_word_q) != LowWord || rdata == low_then_q)
            && (32'(asked_word_q) != HighWord || rdata == high_then_q));
        p_read : assert (rvalid && rresp == (Mapped[asked_word_q] ? OKAY : SLVERR)
            && (Mapped[asked_word_q] || rdata == '0)
            && (32'(asked_word_q) != IdWord || rdata == Id)
            && (32'(asked_word_q) != ThresholdWord || rdata == threshold_q)
            && (32'(asked_word_q) != FramesWord || rdata == frames_then_q));
      end
      if (fair) p_response : assert (32'(waits_q) <= Every);
    end
  end

  (* hierconn *)logic \u_dut.aw_full_q ;
  (* hierconn *)logic \u_dut.w_full_q ;
  (* hierconn *)logic [9:0] \u_dut.waddr_q ;
  (* hierconn *)logic [31:0] \u_dut.wdata_q ;
  (* hierconn *)logic [3:0] \u_dut.wstrb_q ;
  (* hierconn *)logic [31:0] \u_dut.frames_in_q ;
  (* hierconn *)logic [63:0] \u_dut.timer_q ;
  (* hierconn *)logic [31:0] \u_dut.timer_high_q ;
  always_ff @(posedge ap_clk) begin
    if (ap_rst_n && alive_q) begin
      h_aw : assert (\u_dut.aw_full_q == (aw_q && !done));
      h_w : assert (\u_dut.w_full_q == (w_q && !done));
      if (aw_q) h_word : assert (\u_dut.waddr_q == word_q);
      if (w_q) h_data : assert (\u_dut.wdata_q == data_q && \u_dut.wstrb_q == strobe_q);
      h_told : assert (!told_q || bvalid);
      h_frames : assert (\u_dut.frames_in_q == frames_q);
      h_timer : assert (\u_dut.timer_q == timer_q && \u_dut.timer_high_q == high_q);
      if (fair && waits_q != '0 && !done) h_waits : assert (bvalid && 32'(waits_q) <= 32'(since));
    end
  end

endmodule

`default_nettype wire
