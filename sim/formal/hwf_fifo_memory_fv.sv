// SPDX-License-Identifier: BSD-3-Clause
// hwf_fifo of three or four words, held in a memory of four.
`default_nettype none

module hwf_fifo_memory_fv #(
    parameter int unsigned DataBits = 4,
    parameter int unsigned Depth = 3,
    parameter int unsigned Every = 3
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic [DataBits-1:0] in,
    input wire logic in_valid,
    input wire logic out_ready
);

  logic in_ready, out_valid;
  logic [DataBits-1:0] out;
  logic [$clog2(Depth + 1)-1:0] held;

  hwf_fifo #(
      .DataBits(DataBits),
      .Depth(Depth)
  ) u_dut (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata (in),
      .s_axis_tvalid(in_valid),
      .s_axis_tready(in_ready),
      .m_axis_tdata (out),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_ready),
      .count_o(held)
  );

  logic [$clog2(Depth + 1)-1:0] count;
  logic [Depth*DataBits-1:0] words;
  fv_pipe #(
      .Bits (DataBits),
      .Depth(Depth),
      .Every(Every)
  ) u_pipe (
      .ap_clk,
      .ap_rst_n,
      .in,
      .in_valid,
      .in_ready,
      .out,
      .out_valid,
      .out_ready,
      .count_o(count),
      .words_o(words)
  );

  (* hierconn *)logic [1:0] \u_dut.genblk2.gen_memory.read_q ;
  (* hierconn *)logic [1:0] \u_dut.genblk2.gen_memory.write_q ;
  (* hierconn *)logic [DataBits-1:0] \u_dut.genblk2.gen_memory.mem[0] ;
  (* hierconn *)logic [DataBits-1:0] \u_dut.genblk2.gen_memory.mem[1] ;
  (* hierconn *)logic [DataBits-1:0] \u_dut.genblk2.gen_memory.mem[2] ;
  (* hierconn *)logic [DataBits-1:0] \u_dut.genblk2.gen_memory.mem[3] ;
  logic [4*DataBits-1:0] memory;
  assign memory = {
    \u_dut.genblk2.gen_memory.mem[3] ,
    \u_dut.genblk2.gen_memory.mem[2] ,
    \u_dut.genblk2.gen_memory.mem[1] ,
    \u_dut.genblk2.gen_memory.mem[0]
  };

  logic [Depth-1:0] same;
  for (genvar i = 0; i < Depth; i++) begin : gen_word
    logic [1:0] place;
    assign place = \u_dut.genblk2.gen_memory.read_q + 2'(i);
    assign same[i] = i >= 32'(count) || words[i*DataBits+:DataBits] == memory[place*DataBits+:DataBits];
  end

  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) begin
      h_held : assert (held == count);
      h_places : assert (2'(\u_dut.genblk2.gen_memory.write_q - \u_dut.genblk2.gen_memory.read_q ) == count[1:0]);
      h_words : assert (&same);
    end
  end

endmodule

`default_nettype wire
