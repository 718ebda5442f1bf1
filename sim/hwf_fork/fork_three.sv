// SPDX-License-Identifier: BSD-3-Clause
// hwf_fork with three outputs, each with ports of its own, as the bench drives them.
`default_nettype none

module fork_three #(
    parameter int unsigned DataBits = 8
) (
    input wire logic ap_clk,
    input wire logic ap_rst_n,

    input  wire logic [DataBits-1:0] s_axis_tdata,
    input  wire logic                s_axis_tvalid,
    output      logic                s_axis_tready,

    output      logic [DataBits-1:0] m_axis_0_tdata,
    output      logic                m_axis_0_tvalid,
    input  wire logic                m_axis_0_tready,

    output      logic [DataBits-1:0] m_axis_1_tdata,
    output      logic                m_axis_1_tvalid,
    input  wire logic                m_axis_1_tready,

    output      logic [DataBits-1:0] m_axis_2_tdata,
    output      logic                m_axis_2_tvalid,
    input  wire logic                m_axis_2_tready
);

  hwf_fork #(
      .DataBits(DataBits),
      .Outputs (3)
  ) u_fork (
      .ap_clk,
      .ap_rst_n,
      .s_axis_tdata,
      .s_axis_tvalid,
      .s_axis_tready,
      .m_axis_tdata(m_axis_0_tdata),
      .m_axis_tvalid({m_axis_2_tvalid, m_axis_1_tvalid, m_axis_0_tvalid}),
      .m_axis_tready({m_axis_2_tready, m_axis_1_tready, m_axis_0_tready})
  );
  assign m_axis_1_tdata = m_axis_0_tdata;
  assign m_axis_2_tdata = m_axis_0_tdata;

endmodule

`default_nettype wire
