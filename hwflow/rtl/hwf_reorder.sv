// SPDX-License-Identifier: BSD-3-Clause
// Gives results back in the order in which their frames were accepted, as far as a frame asks it.
//
// A frame that wants order takes `place_o` when it is accepted; its result brings the place along
// and leaves when every earlier place has left. Other results pass by, as soon as nothing ordered
// is due. `place_valid_o` low: all `Frames` places are taken, the next ordered frame must wait, and
// `place_take_i` must stay low.
// An ordered result is taken at once, always: it has its place. So only the sink can hold it back.
// s_axis_tuser = {place, ordered}.
// Latency: one clock for results that pass by, two for an ordered one that is due.
// Throughput: one result a clock. Input `ready` is combinational in the output's `ready`, for
// results that pass by.
`default_nettype none

module hwf_reorder #(
    parameter int unsigned Frames = 8,  // a power of two
    parameter int unsigned DataBits = 64,
    localparam int unsigned PlaceBits = $clog2(Frames)
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    output      logic [PlaceBits-1:0] place_o,
    output      logic                 place_valid_o,
    input  wire logic                 place_take_i,

    input  wire logic [DataBits-1:0] s_axis_tdata,
    input  wire logic                s_axis_tvalid,
    output      logic                s_axis_tready,
    input  wire logic [ PlaceBits:0] s_axis_tuser,

    output      logic [DataBits-1:0] m_axis_tdata,
    output      logic                m_axis_tvalid,
    input  wire logic                m_axis_tready
);

  if (Frames < 2 || 1 << PlaceBits != Frames) begin : gen_check_frames
    $fatal(1, "hwf_reorder: Frames must be a power of two, at least 2");
  end

  // ---- Places: `due_q` is the next to leave, `next_q` the next to be taken ----------------------
  logic [PlaceBits:0] due_q, next_q;
  logic [Frames-1:0] full_q;  // the place's result is here
  logic en, due, leave;

  assign place_o = next_q[PlaceBits-1:0];
  assign place_valid_o = next_q != {~due_q[PlaceBits], due_q[PlaceBits-1:0]};
  assign due = full_q[due_q[PlaceBits-1:0]];
  assign en = !m_axis_tvalid || m_axis_tready;
  assign leave = en && due;

  logic ordered, keep;
  logic [PlaceBits-1:0] place;
  assign {place, ordered} = s_axis_tuser;
  assign s_axis_tready = ordered || (en && !due);
  assign keep = s_axis_tvalid && ordered;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      due_q  <= '0;
      next_q <= '0;
      full_q <= '0;
    end else begin
      if (place_take_i) next_q <= next_q + 1'b1;
      if (leave) begin
        due_q <= due_q + 1'b1;
        full_q[due_q[PlaceBits-1:0]] <= 1'b0;
      end
      if (keep) full_q[place] <= 1'b1;
    end
  end

  // ---- Results ----------------------------------------------------------------------------------
  (* ram_style = "distributed" *) logic [DataBits-1:0] mem[Frames];
  logic [DataBits-1:0] stored;
  assign stored = mem[due_q[PlaceBits-1:0]];
  always_ff @(posedge ap_clk) if (keep) mem[place] <= s_axis_tdata;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) m_axis_tvalid <= 1'b0;
    else if (en) m_axis_tvalid <= due || (s_axis_tvalid && !ordered);
    if (en) m_axis_tdata <= due ? stored : s_axis_tdata;
  end

endmodule

`default_nettype wire
