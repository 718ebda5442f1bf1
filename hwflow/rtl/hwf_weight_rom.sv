// SPDX-License-Identifier: BSD-3-Clause
// Read-only memory of a matrix unit, filled from a $readmemh file.
//
// `data_o` follows `addr_i` one enabled clock later (Registered), or at once, which block RAM
// cannot. UseBlock: in block RAM, else in LUTs, as attributes tell yosys and Vivado; where it lies
// changes no latency. `hwflow.cost.memory` chooses by size.
// Instances are to be marked keep_hierarchy: mapped together with logic on a longer path, abc9 makes
// words of LUTs share sub-functions, which takes up to twice the LUTs of one LUT6 per bit and 64
// words (1,400 more for 36 x 1024 bits).
`default_nettype none

// One thing by two names, and yosys refuses Vivado's.
`ifdef YOSYS
`define HWF_ROM_OF_LUTS "logic"
`else
`define HWF_ROM_OF_LUTS "distributed"
`endif

module hwf_weight_rom #(
    parameter int unsigned Depth = 16,
    parameter int unsigned Width = 8,
    parameter bit UseBlock = 1'b0,
    parameter bit Registered = 1'b1,
    // verilog_lint: waive explicit-parameter-storage-type (yosys knows no string parameters)
    parameter File = "rom.dat",
    localparam int unsigned AddrBits = Depth > 1 ? $clog2(Depth) : 1
) (
    input  wire logic                clk_i,
    input  wire logic                en_i,
    input  wire logic [AddrBits-1:0] addr_i,
    output      logic [   Width-1:0] data_o
);

  if (UseBlock && !Registered && Depth > 1) begin : gen_check_block
    $fatal(1, "hwf_weight_rom: block RAM is registered");
  end

  logic [Width-1:0] word;
  if (Depth == 1) begin : gen_constant
    logic [Width-1:0] rom[1];
    initial $readmemh(File, rom);
    logic unused_addr;
    assign unused_addr = addr_i[0];
    assign word = rom[0];
  end else if (UseBlock) begin : gen_block
    (* rom_style = "block" *) logic [Width-1:0] rom[Depth];
    initial $readmemh(File, rom);
    assign word = rom[addr_i];
  end else begin : gen_lut
    (* rom_style = `HWF_ROM_OF_LUTS *) logic [Width-1:0] rom[Depth];
    initial $readmemh(File, rom);
    assign word = rom[addr_i];
  end

  if (Registered) begin : gen_register
    always_ff @(posedge clk_i) if (en_i) data_o <= word;
  end else begin : gen_wire
    logic unused_clock;
    assign unused_clock = &{clk_i, en_i};
    assign data_o = word;
  end

endmodule

`undef HWF_ROM_OF_LUTS
`default_nettype wire
