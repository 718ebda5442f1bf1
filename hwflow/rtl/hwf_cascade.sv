// SPDX-License-Identifier: BSD-3-Clause
// Controller of a cascade of `Stages` >= 1 classifiers: each accepted frame yields one result word.
// Bit-exact model: hwflow.cascade.controller; manual: docs/controller.md.
//
// Stage k takes frames from m_axis_stage slice k (`FrameBeats` beats, tlast on the last) and
// answers each with a verdict (label, unsigned margin), in order. The frame exits at the first stage
// whose margin reaches its threshold, else at the last one. `RetainFrames` slice k: frames kept
// beside stage k for its decision; formula in hwf_retain. `QueueFrames` slice k: how many of them
// may wait for stage k + 1 before frames are shed; the one being decided holds a slot too, so only
// less than `RetainFrames` ever sheds. `RetainInBlock` bit k: in block RAM. The last slice of
// `RetainFrames`: complete frames inside the last stage, of which the tickets are kept.
// Thresholds, force, order and shed are sampled when a frame's first beat is accepted and travel
// with it. order: its result leaves in order of acceptance among such frames, others at completion;
// `ReorderFrames` of them may be inside, beyond that the input stalls (0: order is ignored).
// shed: where the next stage's queue is full, it exits early instead of waiting.
// Result: id 15:0, label 27:16, exit stage 31:28, margin 55:32 (saturated), flags 63:56 = frame was
// short (bit 56), long (57), exit stage was forced (58), shed (59), in order (60).
// `core_rst_n_i` is the soft reset, low at least whenever ap_rst_n is: all frames inside vanish, a
// half-accepted one is drained to tlast, ids restart at 0; an offered result may vanish too.
// Throughput: a frame every FrameBeats clocks while no stage is slower. Frames of a single beat may
// take r clocks more, with r the share that escalates: one for each later stage's result that meets
// another in hwf_merge. Exit latency, from first beat to result: the stage's + 8 clocks, gearbox and
// hwf_top2 included; with a reorder store + 9, in order + 10.
// Handshake: no combinational path leads from one stream port to another.
`default_nettype none

module hwf_cascade #(
    parameter int unsigned Stages = 2,
    parameter int unsigned FrameBeats = 4,
    parameter int unsigned BeatBits = 64,
    parameter int unsigned MarginBits = 16,
    parameter logic [16*Stages-1:0] RetainFrames = {Stages{16'd4}},
    parameter logic [16*Stages-1:0] QueueFrames = {Stages{16'd2}},
    parameter logic [Stages-1:0] RetainInBlock = '0,
    parameter int unsigned ReorderFrames = 0,
    localparam int unsigned LabelBits = 12,
    localparam int unsigned Decisions = Stages > 1 ? Stages - 1 : 1  // ports are never empty
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,
    input wire logic core_rst_n_i,

    input wire logic                    enable_i,
    input wire logic                    force_enable_i,
    input wire logic [             3:0] force_stage_i,
    input wire logic                    order_i,
    input wire logic                    shed_i,
    input wire logic [32*Decisions-1:0] thresholds_i,

    input  wire logic [BeatBits-1:0] s_axis_frame_tdata,
    input  wire logic                s_axis_frame_tvalid,
    output      logic                s_axis_frame_tready,
    input  wire logic                s_axis_frame_tlast,

    output      logic [Stages*BeatBits-1:0] m_axis_stage_tdata,
    output      logic [         Stages-1:0] m_axis_stage_tvalid,
    input  wire logic [         Stages-1:0] m_axis_stage_tready,
    output      logic [         Stages-1:0] m_axis_stage_tlast,

    input  wire logic [           Stages-1:0] verdict_valid_i,
    output      logic [           Stages-1:0] verdict_ready_o,
    input  wire logic [ Stages*LabelBits-1:0] verdict_label_i,
    input  wire logic [Stages*MarginBits-1:0] verdict_margin_i,

    output      logic [63:0] m_axis_result_tdata,
    output      logic        m_axis_result_tvalid,
    input  wire logic        m_axis_result_tready,

    // Each high for one clock per event, or per clock of a stall.
    output logic              frame_accepted_o,
    output logic              frame_short_o,
    output logic              frame_long_o,
    output logic [Stages-1:0] exits_o,
    output logic [Stages-1:0] sheds_o,
    output logic              decided_o,      // stage 0 decided by margin
    output logic              wished_o,       // with it: the frame was unsure
    output logic              stall_input_o,
    output logic [Stages-1:0] stall_stage_o,

    output logic [16*Stages-1:0] retained_o,
    output logic                 idle_o,
    output logic                 draining_o
);

  if (Stages < 1 || Stages > 16) begin : gen_check_stages
    $fatal(1, "hwf_cascade: 1 to 16 stages");
  end
  if (MarginBits < 1 || MarginBits > 32) begin : gen_check_margin
    $fatal(1, "hwf_cascade: MarginBits must be 1 to 32");
  end
  if (FrameBeats < 1 || BeatBits < 1) begin : gen_check_frame
    $fatal(1, "hwf_cascade: a frame has at least one beat of at least one bit");
  end

  // Ids of 16 bits must tell apart all frames inside; a few are in neither store, at each level.
  function automatic int unsigned frames_inside();
    frames_inside = ReorderFrames + 8 * Stages;
    for (int k = 0; k < Stages; k++) frames_inside += 32'(RetainFrames[16*k+:16]);
  endfunction
  if (frames_inside() > 65536) begin : gen_check_ids
    $fatal(1, "hwf_cascade: more frames inside than the 65,536 sample ids");
  end

  localparam int unsigned PLACE_BITS = ReorderFrames > 1 ? $clog2(ReorderFrames) : 1;
  localparam int unsigned BASE_BITS = 25 + PLACE_BITS;  // as hwf_decide says
  localparam int unsigned THRESHOLD_BITS = MarginBits + 1;
  localparam int unsigned CHOICE_BITS = 7 + PLACE_BITS;
  localparam int unsigned SETTINGS_BITS = CHOICE_BITS + (Stages - 1) * THRESHOLD_BITS;
  localparam int unsigned USER_BITS = BASE_BITS + (Stages - 1) * THRESHOLD_BITS;

  // ---- Settings in the form that travels with a frame -------------------------------------------
  logic [SETTINGS_BITS-1:0] settings;
  logic [PLACE_BITS-1:0] place;
  logic place_valid, order;
  assign order = order_i && ReorderFrames != 0;
  assign settings[CHOICE_BITS-1:0] = {place, shed_i, order, force_stage_i, force_enable_i};
  for (genvar k = 0; k < Stages - 1; k++) begin : gen_threshold
    logic [31:0] threshold;
    assign threshold = thresholds_i[32*k+:32];
    // The highest bit says "beyond every margin".
    if (MarginBits < 32) begin : gen_clip
      assign settings[CHOICE_BITS+k*THRESHOLD_BITS+:THRESHOLD_BITS] =
          {threshold[31:MarginBits] != '0, threshold[MarginBits-1:0]};
    end else begin : gen_whole
      assign settings[CHOICE_BITS+k*THRESHOLD_BITS+:THRESHOLD_BITS] = {1'b0, threshold};
    end
  end
  if (Stages == 1) begin : gen_no_threshold
    logic unused;
    assign unused = &thresholds_i;
  end

  // ---- Levels: level k's input is slice k, its escalated frames are slice k + 1 -----------------
  logic [(Stages+1)*BeatBits-1:0] tdata;
  logic [(Stages+1)*USER_BITS-1:0] tuser;
  logic [Stages:0] tvalid, tready, tlast;

  hwf_frame_guard #(
      .Beats(FrameBeats),
      .BeatBits(BeatBits),
      .SettingsBits(SETTINGS_BITS),
      .IdBits(16)
  ) u_guard (
      .ap_clk,
      .ap_rst_n,
      .flush_i(!core_rst_n_i),
      .enable_i(enable_i && (!order || place_valid)),
      .settings_i(settings),
      .s_axis_tdata(s_axis_frame_tdata),
      .s_axis_tvalid(s_axis_frame_tvalid),
      .s_axis_tready(s_axis_frame_tready),
      .s_axis_tlast(s_axis_frame_tlast),
      .m_axis_tdata(tdata[BeatBits-1:0]),
      .m_axis_tvalid(tvalid[0]),
      .m_axis_tready(tready[0]),
      .m_axis_tlast(tlast[0]),
      .m_axis_tuser(tuser[USER_BITS-1:0]),
      .accepted_o(frame_accepted_o),
      .short_o(frame_short_o),
      .long_o(frame_long_o),
      .draining_o
  );

  localparam int unsigned EXIT_BITS = PLACE_BITS + 64;
  logic [Stages*EXIT_BITS-1:0] exit_tdata;
  logic [Stages-1:0] exit_tvalid, exit_tready, decided, wished;
  assign decided_o = decided[0];
  assign wished_o  = wished[0];

  for (genvar k = 0; k < Stages; k++) begin : gen_level
    localparam bit LAST = k == Stages - 1;
    localparam int unsigned IN_BITS = USER_BITS - k * THRESHOLD_BITS;
    localparam int unsigned ON_BITS = LAST ? BASE_BITS : IN_BITS - THRESHOLD_BITS;
    localparam int unsigned FRAMES = 32'(RetainFrames[16*k+:16]);
    localparam int unsigned QUEUE = 32'(QueueFrames[16*k+:16]);

    hwf_level #(
        .Stage(k),
        .Last(LAST),
        .Frames(FRAMES),
        .Beats(FrameBeats),
        .BeatBits(BeatBits),
        .MarginBits(MarginBits),
        .PlaceBits(PLACE_BITS),
        .UserBits(IN_BITS),
        .Queue(QUEUE),
        .RetainInBlock(RetainInBlock[k])
    ) u_level (
        .ap_clk,
        .ap_rst_n(core_rst_n_i),
        .s_axis_tdata(tdata[k*BeatBits+:BeatBits]),
        .s_axis_tvalid(tvalid[k]),
        .s_axis_tready(tready[k]),
        .s_axis_tlast(tlast[k]),
        .s_axis_tuser(tuser[k*USER_BITS+:IN_BITS]),
        .m_axis_stage_tdata(m_axis_stage_tdata[k*BeatBits+:BeatBits]),
        .m_axis_stage_tvalid(m_axis_stage_tvalid[k]),
        .m_axis_stage_tready(m_axis_stage_tready[k]),
        .m_axis_stage_tlast(m_axis_stage_tlast[k]),
        .verdict_valid_i(verdict_valid_i[k]),
        .verdict_ready_o(verdict_ready_o[k]),
        .verdict_label_i(verdict_label_i[k*LabelBits+:LabelBits]),
        .verdict_margin_i(verdict_margin_i[k*MarginBits+:MarginBits]),
        .m_axis_exit_tdata(exit_tdata[EXIT_BITS*k+:64]),
        .m_axis_exit_tvalid(exit_tvalid[k]),
        .m_axis_exit_tready(exit_tready[k]),
        .m_axis_exit_tuser(exit_tdata[EXIT_BITS*k+64+:PLACE_BITS]),
        .m_axis_tdata(tdata[(k+1)*BeatBits+:BeatBits]),
        .m_axis_tvalid(tvalid[k+1]),
        .m_axis_tready(tready[k+1]),
        .m_axis_tlast(tlast[k+1]),
        .m_axis_tuser(tuser[(k+1)*USER_BITS+:ON_BITS]),
        .occupancy_o(retained_o[16*k+:16]),
        .decided_o(decided[k]),
        .wished_o(wished[k])
    );
    if (ON_BITS < USER_BITS) begin : gen_spent
      assign tuser[(k+1)*USER_BITS+ON_BITS+:USER_BITS-ON_BITS] = '0;
      logic unused;
      assign unused = &tuser[(k+1)*USER_BITS+ON_BITS+:USER_BITS-ON_BITS];
    end
  end
  assign tready[Stages] = 1'b0;  // nothing leaves the last level this way

  logic [EXIT_BITS-1:0] merged_tdata;
  logic merged_tvalid, merged_tready;

  hwf_merge #(
      .Inputs(Stages),
      .DataBits(EXIT_BITS)
  ) u_merge (
      .ap_clk,
      .ap_rst_n(core_rst_n_i),
      .s_axis_tdata(exit_tdata),
      .s_axis_tvalid(exit_tvalid),
      .s_axis_tready(exit_tready),
      .m_axis_tdata(merged_tdata),
      .m_axis_tvalid(merged_tvalid),
      .m_axis_tready(merged_tready)
  );

  logic [63:0] result_tdata;
  logic result_tvalid, result_tready;

  if (ReorderFrames != 0) begin : gen_reorder
    hwf_reorder #(
        .Frames  (ReorderFrames),
        .DataBits(64)
    ) u_reorder (
        .ap_clk,
        .ap_rst_n(core_rst_n_i),
        .place_o(place),
        .place_valid_o(place_valid),
        .place_take_i(frame_accepted_o && order),
        .s_axis_tdata(merged_tdata[63:0]),
        .s_axis_tvalid(merged_tvalid),
        .s_axis_tready(merged_tready),
        .s_axis_tuser({merged_tdata[64+:PLACE_BITS], merged_tdata[60]}),
        .m_axis_tdata(result_tdata),
        .m_axis_tvalid(result_tvalid),
        .m_axis_tready(result_tready)
    );
  end else begin : gen_no_reorder
    assign place = '0;
    assign place_valid = 1'b1;
    assign result_tdata = merged_tdata[63:0];
    assign result_tvalid = merged_tvalid;
    assign merged_tready = result_tready;
    logic unused_place;
    assign unused_place = &merged_tdata[64+:PLACE_BITS];
  end

  // Without it the sink's ready would reach back through the decision into the stages.
  hwf_skid #(
      .DataBits(64)
  ) u_result (
      .ap_clk,
      .ap_rst_n(core_rst_n_i),
      .s_axis_tdata(result_tdata),
      .s_axis_tvalid(result_tvalid),
      .s_axis_tready(result_tready),
      .m_axis_tdata(m_axis_result_tdata),
      .m_axis_tvalid(m_axis_result_tvalid),
      .m_axis_tready(m_axis_result_tready)
  );

  // ---- What the counters see --------------------------------------------------------------------
  logic delivered;
  assign delivered = m_axis_result_tvalid && m_axis_result_tready;
  for (genvar k = 0; k < Stages; k++) begin : gen_exit
    assign exits_o[k] = delivered && m_axis_result_tdata[31:28] == 4'(k);
    assign sheds_o[k] = exits_o[k] && m_axis_result_tdata[59];
  end
  assign stall_input_o = s_axis_frame_tvalid && !s_axis_frame_tready;
  assign stall_stage_o = m_axis_stage_tvalid & ~m_axis_stage_tready;

  logic [15:0] inside_q;
  always_ff @(posedge ap_clk) begin
    if (!core_rst_n_i) inside_q <= '0;
    else inside_q <= inside_q + 16'(frame_accepted_o) - 16'(delivered);
  end
  assign idle_o = inside_q == '0 && !draining_o;

  logic unused_last;
  assign unused_last = &{1'b0, decided, wished, tdata[Stages*BeatBits+:BeatBits], tuser[Stages*USER_BITS+:USER_BITS],
                         tvalid[Stages], tlast[Stages]};

endmodule

`default_nettype wire
