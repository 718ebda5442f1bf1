// SPDX-License-Identifier: BSD-3-Clause
// Stream FIFO of any depth >= 1 in block RAM; `hwf_fifo` is the same in registers and LUTs.
//
// The word in front lies in the memory's own output register and counts as one of `Depth`.
// Latency: two clocks into an empty FIFO, the memory's. Throughput: one beat a clock, from `Depth` 3 on.
// `valid` and `ready` depend on registers alone: no handshake path goes through, so a full FIFO
// takes a beat only in the clock after one left.
`default_nettype none

module hwf_fifo_block #(
    parameter int unsigned DataBits = 8,
    parameter int unsigned Depth = 512,
    localparam int unsigned CountBits = $clog2(Depth + 1)
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [DataBits-1:0] s_axis_tdata,
    input  wire logic                s_axis_tvalid,
    output      logic                s_axis_tready,

    output      logic [DataBits-1:0] m_axis_tdata,
    output      logic                m_axis_tvalid,
    input  wire logic                m_axis_tready,

    output      logic [CountBits-1:0] count_o
);

  if (Depth < 1) begin : gen_check_depth
    $fatal(1, "hwf_fifo_block: Depth must be at least 1");
  end

  localparam int unsigned A_BITS = Depth > 1 ? $clog2(Depth) : 1;
  // Up to 512 words cost one row of blocks; the pointers of a power of two wrap by themselves.
  localparam int unsigned WORDS = Depth <= 512 ? 1 << A_BITS : Depth;

  (* ram_style = "block" *) logic [DataBits-1:0] mem[WORDS];
  logic [A_BITS-1:0] write_q, read_q;
  logic stored, push, pop, fetch;

  assign s_axis_tready = count_o != CountBits'(Depth);
  assign push = s_axis_tvalid && s_axis_tready;
  assign pop = m_axis_tvalid && m_axis_tready;
  assign stored = count_o > CountBits'(m_axis_tvalid);
  assign fetch = stored && (!m_axis_tvalid || m_axis_tready);

  always_ff @(posedge ap_clk) begin
    if (push) mem[write_q] <= s_axis_tdata;
    if (fetch) m_axis_tdata <= mem[read_q];
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      write_q <= '0;
      read_q <= '0;
      count_o <= '0;
      m_axis_tvalid <= 1'b0;
    end else begin
      if (push) write_q <= write_q == A_BITS'(WORDS - 1) ? '0 : write_q + 1'b1;
      if (fetch) read_q <= read_q == A_BITS'(WORDS - 1) ? '0 : read_q + 1'b1;
      if (push && !pop) count_o <= count_o + 1'b1;
      if (pop && !push) count_o <= count_o - 1'b1;
      if (fetch) m_axis_tvalid <= 1'b1;
      else if (m_axis_tready) m_axis_tvalid <= 1'b0;
    end
  end

endmodule

`default_nettype wire
