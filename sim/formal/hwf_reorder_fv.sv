// SPDX-License-Identifier: BSD-3-Clause
// hwf_reorder: ordered results against a queue of places, others against a queue of one; fair sink.
//
// Results of frames that have a place come in any order, each once. The highest bit of the data
// says whether a result is ordered, as bit 60 of the controller's result word does.
`default_nettype none

module hwf_reorder_fv #(
    parameter int unsigned Frames = 2,
    parameter int unsigned DataBits = 3,
    parameter int unsigned Every = 2,
    localparam int unsigned PlaceBits = $clog2(Frames)
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic take,
    input wire logic [DataBits-1:0] in,
    input wire logic in_valid,
    input wire logic [PlaceBits-1:0] in_place,
    input wire logic out_ready
);

  // Places taken, and one whose result is in the output register.
  localparam int unsigned DEPTH = Frames + 1;
  localparam int unsigned COUNT_BITS = $clog2(DEPTH + 1);

  logic in_ready, out_valid, place_valid, in_ordered;
  logic [PlaceBits-1:0] place;
  logic [DataBits-1:0] out;
  logic [PlaceBits:0] in_user;
  assign in_ordered = in[DataBits-1];
  assign in_user = {in_place, in_ordered};

  hwf_reorder #(
      .Frames  (Frames),
      .DataBits(DataBits)
  ) u_dut (
      .ap_clk,
      .ap_rst_n,
      .place_o(place),
      .place_valid_o(place_valid),
      .place_take_i(take),
      .s_axis_tdata(in),
      .s_axis_tvalid(in_valid),
      .s_axis_tready(in_ready),
      .s_axis_tuser(in_user),
      .m_axis_tdata(out),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_ready)
  );

  logic fire, out_fire, out_ordered;
  assign fire = in_valid && in_ready;
  assign out_fire = out_valid && out_ready;
  assign out_ordered = out[DataBits-1];

  fv_reset u_reset (.ap_clk, .ap_rst_n);
  logic [PlaceBits+DataBits-1:0] in_payload;
  assign in_payload = {in_place, in};
  fv_stable #(
      .Bits(PlaceBits + DataBits),
      .Assume(1'b1)
  ) u_in (
      .ap_clk,
      .ap_rst_n,
      .valid(in_valid),
      .ready(in_ready),
      .payload(in_payload)
  );
  fv_stable #(
      .Bits(DataBits)
  ) u_out (
      .ap_clk,
      .ap_rst_n,
      .valid(out_valid),
      .ready(out_ready),
      .payload(out)
  );
  logic fair;
  logic [$clog2(Every + 1)-1:0] since;
  fv_fair #(
      .Every(Every)
  ) u_sink (
      .ap_clk,
      .ap_rst_n,
      .event_i(out_ready),
      .fair_o (fair),
      .since_o(since)
  );

  // ---- Results that pass by ---------------------------------------------------------------------
  logic pass_push, pass_pop, passing;
  logic [DataBits-1:0] pass_word;
  logic [$clog2(2 * Every + 1)-1:0] pass_idle;
  assign pass_push = fire && !in_ordered;
  assign pass_pop  = out_fire && !out_ordered;
  fv_queue #(
      .Bits  (DataBits),
      .Depth (1),
      .Within(Every)
  ) u_pass (
      .ap_clk,
      .ap_rst_n,
      .fair,
      .push(pass_push),
      .push_data(in),
      .pop(pass_pop),
      .pop_data(out),
      .count_o(passing),
      .words_o(pass_word),
      .idle_o(pass_idle)
  );

  // ---- Ordered results: entry 0 is the place taken first ----------------------------------------
  logic [COUNT_BITS-1:0] count_q;
  logic [DEPTH*PlaceBits-1:0] places_q;
  logic [DEPTH-1:0] filled_q, filling;
  logic [DEPTH*DataBits-1:0] results_q;
  logic leave, fill;
  assign leave = out_fire && out_ordered;
  assign fill  = fire && in_ordered;

  for (genvar i = 0; i < DEPTH; i++) begin : gen_entry
    localparam int unsigned BEHIND = i + 1 < DEPTH ? i + 1 : i;
    logic new_here, entry_filled;
    logic [PlaceBits-1:0] entry_place;
    logic [DataBits-1:0] entry_result;
    assign filling[i] = fill && COUNT_BITS'(i) < count_q && !filled_q[i]
        && places_q[i*PlaceBits+:PlaceBits] == in_place;
    // Entry i after this clock's result came in, before the queue moves up.
    assign entry_place = places_q[BEHIND*PlaceBits+:PlaceBits];
    assign entry_filled = filled_q[BEHIND] || filling[BEHIND];
    assign entry_result = filling[BEHIND] ? in : results_q[BEHIND*DataBits+:DataBits];
    assign new_here = take && count_q == COUNT_BITS'(i) + COUNT_BITS'(leave);
    always_ff @(posedge ap_clk) begin
      if (new_here) begin
        places_q[i*PlaceBits+:PlaceBits] <= place;
        filled_q[i] <= 1'b0;
      end else if (leave) begin
        places_q[i*PlaceBits+:PlaceBits] <= entry_place;
        filled_q[i] <= entry_filled;
        results_q[i*DataBits+:DataBits] <= entry_result;
      end else if (filling[i]) begin
        filled_q[i] <= 1'b1;
        results_q[i*DataBits+:DataBits] <= in;
      end
    end
  end

  logic [Frames-1:0] taken_q;  // places whose frame still lacks its result
  logic [7:0] idle_q, waits_q, beats_q;
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      count_q <= '0;
      taken_q <= '0;
    end else begin
      count_q <= count_q + COUNT_BITS'(take) - COUNT_BITS'(leave);
      if (take) taken_q[place] <= 1'b1;
      if (fill) taken_q[in_place] <= 1'b0;
    end
    if (!ap_rst_n || leave || count_q == '0 || !filled_q[0]) idle_q <= '0;
    else idle_q <= idle_q + 1'b1;
    if (!ap_rst_n || !in_valid || in_ready) begin
      waits_q <= '0;
      beats_q <= '0;
    end else begin
      waits_q <= waits_q + 1'b1;
      beats_q <= beats_q + 8'(out_fire);
    end
    if (ap_rst_n) begin
      if (take) assume (place_valid);
      if (in_valid && in_ordered) assume (taken_q[in_place]);
    end
  end

  // ---- Properties, and what the block's registers hold ------------------------------------------
  (* hierconn *)logic [PlaceBits:0] \u_dut.due_q ;
  (* hierconn *)logic [PlaceBits:0] \u_dut.next_q ;
  (* hierconn *)logic [Frames-1:0] \u_dut.full_q ;
  logic [PlaceBits:0] inside;
  logic leaving;
  logic [7:0] full;
  logic [DEPTH-1:0] same;
  assign inside  = \u_dut.next_q - \u_dut.due_q ;
  assign leaving = out_valid && out_ordered;
  always_comb begin
    full = '0;
    for (int unsigned i = 0; i < Frames; i++) full = full + 8'(\u_dut.full_q [i]);
  end
  (* hierconn *)logic [DataBits-1:0] \u_dut.mem[0] ;
  (* hierconn *)logic [DataBits-1:0] \u_dut.mem[1] ;
  (* hierconn, if_any *)logic [DataBits-1:0] \u_dut.mem[2] ;
  (* hierconn, if_any *)logic [DataBits-1:0] \u_dut.mem[3] ;
  logic [4*DataBits-1:0] memory;
  assign memory = {\u_dut.mem[3] , \u_dut.mem[2] , \u_dut.mem[1] , \u_dut.mem[0] };
  for (genvar i = 0; i < DEPTH; i++) begin : gen_same
    logic [PlaceBits-1:0] here;
    assign here = \u_dut.due_q [PlaceBits-1:0] + PlaceBits'(i) - PlaceBits'(leaving);
    assign same[i] = COUNT_BITS'(i) >= count_q || (i == 0 && leaving)
        || (places_q[i*PlaceBits+:PlaceBits] == here && filled_q[i] == \u_dut.full_q [here]
            && taken_q[here] != filled_q[i]
            && (!filled_q[i] || (results_q[i*DataBits+DataBits-1]
                && results_q[i*DataBits+:DataBits] == memory[here*DataBits+:DataBits])));
  end

  logic [Frames-1:0] outside;  // places beyond those taken hold nothing
  for (genvar p = 0; p < Frames; p++) begin : gen_place
    logic [PlaceBits-1:0] distance;
    assign distance = PlaceBits'(p) - \u_dut.due_q [PlaceBits-1:0];
    assign outside[p] = 32'(distance) < 32'(inside) || (!taken_q[p] && !\u_dut.full_q [p]);
  end

  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) begin
      if (leave) begin
        p_reorder : assert (count_q != '0 && filled_q[0] && out == results_q[DataBits-1:0]);
      end
      if (place_valid) p_place : assert (!taken_q[place] && !\u_dut.full_q [place]);
      p_free : assert (place_valid || 32'(count_q) - 32'(leaving) == Frames);
      if (in_valid && in_ordered) p_ordered : assert (in_ready);
      if (fair) p_due : assert (32'(idle_q) < 2 * Every);
      if (fair) p_service : assert (32'(waits_q) <= (Frames + 1) * Every);
      h_inside : assert (32'(inside) <= Frames && 32'(count_q) == 32'(inside) + 32'(leaving));
      h_same : assert (&same);
      h_outside : assert (&outside);
      h_passing : assert (passing == (out_valid && !out_ordered));
      if (passing) h_pass : assert (out == pass_word);
      if (leaving) h_leaving : assert (filled_q[0] && out == results_q[DataBits-1:0]);
      if (fair) h_pace : assert (32'(pass_idle) <= 32'(since));
      if (fair) h_idle : assert (32'(idle_q) <= (leaving ? Every + 32'(since) : out_valid ? 32'(since) : 0));
      if (fair) h_waits : assert (32'(waits_q) <= 32'(beats_q) * Every + 32'(since) + 1);
      h_blocked : assert (waits_q == '0 || (out_valid && !in_ordered));
      if (fair) h_beats : assert (waits_q == '0 ? beats_q == '0
          : 32'(beats_q) + 32'(full) + 32'(out_valid) <= Frames + 1);
    end
  end

endmodule

`default_nettype wire
