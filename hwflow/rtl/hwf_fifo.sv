// SPDX-License-Identifier: BSD-3-Clause
// Stream FIFO of any depth >= 1: up to two words in registers, more in distributed memory (read
// without a clock). `hwf_fifo_block` is the same in block RAM.
//
// Latency: one clock into an empty FIFO. Throughput: one beat a clock, also when full or empty on
// one side only. `valid` and `ready` depend on registers alone: no handshake path goes through,
// so a full FIFO takes a beat only in the clock after one left.
`default_nettype none

module hwf_fifo #(
    parameter int unsigned DataBits = 8,
    parameter int unsigned Depth = 4,
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
    $fatal(1, "hwf_fifo: Depth must be at least 1");
  end

  logic push, pop;

  assign s_axis_tready = count_o != CountBits'(Depth);
  assign m_axis_tvalid = count_o != '0;
  assign push = s_axis_tvalid && s_axis_tready;
  assign pop = m_axis_tvalid && m_axis_tready;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      count_o <= '0;
    end else begin
      if (push && !pop) count_o <= count_o + 1'b1;
      if (pop && !push) count_o <= count_o - 1'b1;
    end
  end

  if (Depth == 1) begin : gen_one
    always_ff @(posedge ap_clk) if (push) m_axis_tdata <= s_axis_tdata;
  end else if (Depth == 2) begin : gen_two
    // The second word waits behind the first: no multiplexer at the output.
    logic [DataBits-1:0] behind_q;
    logic first;
    assign first = count_o == '0 || (pop && count_o == CountBits'(1));
    always_ff @(posedge ap_clk) begin
      if (push) behind_q <= s_axis_tdata;
      if (first || pop) m_axis_tdata <= first ? s_axis_tdata : behind_q;
    end
  end else begin : gen_memory
    localparam int unsigned A_BITS = $clog2(Depth);
    // Up to 64 words cost as much as the next power of two, whose pointers wrap by themselves.
    localparam int unsigned WORDS = Depth <= 64 ? 1 << A_BITS : Depth;
    (* ram_style = "distributed" *) logic [DataBits-1:0] mem[WORDS];
    logic [A_BITS-1:0] write_q, read_q;

    assign m_axis_tdata = mem[read_q];

    always_ff @(posedge ap_clk) if (push) mem[write_q] <= s_axis_tdata;

    always_ff @(posedge ap_clk) begin
      if (!ap_rst_n) begin
        write_q <= '0;
        read_q  <= '0;
      end else begin
        if (push) write_q <= write_q == A_BITS'(WORDS - 1) ? '0 : write_q + 1'b1;
        if (pop) read_q <= read_q == A_BITS'(WORDS - 1) ? '0 : read_q + 1'b1;
      end
    end
  end

endmodule

`default_nettype wire
