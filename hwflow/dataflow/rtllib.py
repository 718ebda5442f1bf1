"""FINN's RTL library, copied from the installed package with a few checked edits.

The library is not vendored: each build copies what its stages use. Where an edit's text is not
found, a new FINN version has changed the file, and the build stops and says so.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from hwflow.errors import ToolFailedError


@dataclass(frozen=True)
class Edit:
    """Replace ``old`` by ``new`` exactly once in the library file ``path``; ``why`` says why."""

    path: str
    old: str
    new: str
    why: str


_LEAF_LOADS = """\
		typedef int unsigned  leaf_load_t[2*N-1];
		function leaf_load_t init_leaf_loads();
			automatic leaf_load_t  res;
			for(int unsigned  i = 2*N-1; i-- > N-1;)  res[i] = 1;
			for(int unsigned  i =   N-1; i-- >   0;)  res[i] = res[2*i+1] + res[2*i+2];
			return  res;
		endfunction : init_leaf_loads
"""
_LEVELS = "	localparam int unsigned  L = $clog2(N);  // Number of levels with reductions\n"

_LINE_BUFFER = """\
logic [WIDTH-1:0] Out_reg;
assign shift_out = Out_reg;
"""
_SHORT_LINES = """\
if (DEPTH == 0) begin : genWire
    assign shift_out = shift_in;
end else if (DEPTH == 1) begin : genRegister
    logic [WIDTH-1:0] Single;
    assign shift_out = Single;
    always_ff @(posedge clk) if (shift_enable) Single <= shift_in;
end else begin : genRam
"""
_LINE_BUFFER_END = "endmodule : swg_ram_buffer\n"

_RECOVERY_WATCH = """\
	if(1) begin : blkRecoveryWatch
		logic  Dirty = 1;
		initial begin
			#100ns;
			Dirty <= 0;
		end

		always_ff @(posedge clk) begin
			assert(!Dirty || rst || !en || zero) else begin
				$warning("%m: Feeding input during DSP startup recovery. Expect functional errors.");
			end
		end
	end : blkRecoveryWatch
"""  # noqa: E501 # upstream's text
_CONVERTER = "	vpc #(.W(1), .N(IBITS * OBITS), .PI(IBITS), .PO(OBITS)) core (\n"
_CONVERTER_BY_LCM = """\
	function int unsigned gcd(input int unsigned  a, input int unsigned  b);
		gcd = a;
		for(int unsigned  rest = b; rest > 0;) begin
			automatic int unsigned  next = gcd % rest;
			gcd = rest;
			rest = next;
		end
	endfunction : gcd

	vpc #(.W(1), .N(IBITS / gcd(IBITS, OBITS) * OBITS), .PI(IBITS), .PO(OBITS)) core (
"""
_SHIFT_LOAD = """\
						Buf       <= '{ default: 'x };
						Buf[N0-1] <= idat[0 +: GCD];
"""
_SHIFT_PARKED = """\
							Buf       <= '{ default: 'x };
							Buf[N0-1] <= Side;
"""
_GENERIC = "	else begin : genGeneric\n"
# FINN's generic converter holds one beat of each side and then takes (i + o - 1) / max(i, o) times
# the beats of its busier side (i:o reduced): 4/3 from 6 to 4 bits.
_SLOTS = """\
	else if(N0 == PI0 * PO0) begin : genSlots
		//===============================================================
		// Neither width divides the other, and a vector is their least common multiple: each beat
		// has its own place in it, and writes and reads go round. i*o >= max(i,o) + 2*min(i,o) - 1
		// units are enough for full rate, without a path from ordy to irdy.

		uwire  [PI0*W0-1:0]  ibeat = idat;
		logic [PO0*PI0*W0-1:0]  Buf;
		logic [$clog2(N0+1)-1:0]  Cnt = 0;	// elements held
		logic [$clog2(PO0)-1:0]  Put = 0;	// place of the next input beat, of PO0
		logic [$clog2(PI0)-1:0]  Get = 0;	// place of the next output beat, of PI0

		always_ff @(posedge clk) begin
			if(rst) begin
				Cnt <= 0;
				Put <= 0;
				Get <= 0;
			end
			else begin
				Cnt <= Cnt + (itrn? PI0 : 0) - (otrn? PO0 : 0);
				if(itrn)  Put <= (Put == PO0-1)? 0 : Put + 1;
				if(otrn)  Get <= (Get == PI0-1)? 0 : Get + 1;
			end
		end
		for(genvar  p = 0; p < PO0; p++) begin : genPut
			always_ff @(posedge clk)
				if(itrn && (Put == p))  Buf[p*PI0*W0 +: PI0*W0] <= ibeat;
		end : genPut

		uwire [PO0*W0-1:0]  places[PI0];
		for(genvar  p = 0; p < PI0; p++) begin : genGet
			assign	places[p] = Buf[p*PO0*W0 +: PO0*W0];
		end : genGet
		uwire [PO0*W0-1:0]  obeat = places[Get];
		for(genvar  p = 0; p < PO0; p++) begin : genOraw
			assign	odat_raw[p] = obeat[p*W0 +: W0];
		end : genOraw

		assign	irdy = Cnt <= N0 - PI0;
		assign	ovld = Cnt >= PO0;
		assign	olast_beat = 0;

	end : genSlots
"""
_ALWAYS_SHIFT = "words that are void may as well shift: no multiplexer in front of each bit"
_DIRECTIVE = "IEEE 1800 forbids directives in modules, and yosys' slang reader refuses them"


def _shift(indent: str, word: str) -> str:
    """Return the statement by which ``word`` enters the converter's shift register."""
    return (
        f"{indent}if(N0 > 1)  Buf <= {{ Buf[1 +: N0-1], {word} }};\n"
        f"{indent}else        Buf[0] <= {word};\n"
    )


EDITS: tuple[Edit, ...] = (
    Edit(
        "mvu/add_multi.sv",
        _LEAF_LOADS,
        "",
        "IEEE 1800 forbids constant functions in generate blocks, and Verilator refuses them",
    ),
    Edit("mvu/add_multi.sv", _LEVELS, _LEVELS + _LEAF_LOADS, "the function's new place"),
    Edit(
        "fifo/hdl/fifo.sv",
        "typedef struct {",
        "typedef struct packed {",
        "Verilator evaluates constant functions over packed structs only",
    ),
    Edit(
        "mvu/mvu_vvu_axi.sv",
        "/* else */    3 + $clog2(SIMD+1) + (SIMD == 1);",
        "/* else */    5 + $clog2(SIMD) + (SIMD == 1);",
        "mvu.sv is one less deep and the lock takes a clock: with a result a clock (SIMD = MW) the "
        "output queue overflows under back-pressure",
    ),
    Edit(
        "swg/swg_common.sv",
        _LINE_BUFFER,
        _SHORT_LINES + _LINE_BUFFER,
        "whole windows as wide as the map, or one pixel less, leave a line buffer of 0 or 1 words, "
        "whose read address lies outside it",
    ),
    Edit(
        "swg/swg_common.sv",
        _LINE_BUFFER_END,
        "end\n" + _LINE_BUFFER_END,
        "the end of the new branch",
    ),
    Edit(
        "swg/swg_common.sv",
        "if (DEPTH > 1) Data[DEPTH-1:1] <= Data[DEPTH-2:0];",
        "for (int unsigned i = 1; i < DEPTH; i++) Data[i] <= Data[i-1];",
        "Verilator 5.48 ends with an internal error at some of these slices",
    ),
    Edit("fifo/hdl/fifo.sv", ");\n`default_nettype none\n", ");\n", _DIRECTIVE),
    Edit(
        "fifo/hdl/fifo.sv",
        "`default_nettype wire\nendmodule : fifo",
        "endmodule : fifo",
        _DIRECTIVE,
    ),
    Edit("dwc/hdl/vpc.sv", ");\n`default_nettype none\n", ");\n", _DIRECTIVE),
    Edit("dwc/hdl/vpc.sv", "`default_nettype wire\nendmodule : vpc", "endmodule : vpc", _DIRECTIVE),
    Edit(
        "dwc/hdl/dwc_axi.sv",
        _CONVERTER,
        _CONVERTER_BY_LCM,
        "a vector of least length: where one width divides the other, shift registers do what "
        "took barrel shifters, five LUTs a bit",
    ),
    Edit(
        "dwc/hdl/vpc.sv",
        _SHIFT_LOAD,
        _shift("\t\t\t\t\t\t", "idat[0 +: GCD]"),
        _ALWAYS_SHIFT,
    ),
    Edit("dwc/hdl/vpc.sv", _SHIFT_PARKED, _shift("\t\t\t\t\t\t\t", "Side"), _ALWAYS_SHIFT),
    Edit(
        "dwc/hdl/vpc.sv",
        _GENERIC,
        _SLOTS + _GENERIC,
        "full rate where neither width divides the other, and fewer LUTs than a rotator takes",
    ),
    Edit(
        "thresholding/hdl/thresholding.sv",
        "p.ptr[M-1:SN+1] <",
        "(p.ptr[M-1:0] >> (SN+1)) <",
        "in the first stage the slice is reversed, and yosys' slang reader refuses it",
    ),
    Edit(
        "mvu/mvu.sv",
        _RECOVERY_WATCH,
        "",
        "a check for simulation alone, with a delay, which yosys' slang reader refuses",
    ),
)


def copy_library(source: Path, target: Path, edits: tuple[Edit, ...] = EDITS) -> None:
    """Copy FINN's RTL library from ``source`` to the new folder ``target`` and apply ``edits``.

    Raises:
        ToolFailedError: if the text of an edit does not occur exactly once.
    """
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    for edit in edits:
        path = target / edit.path
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        count = text.count(edit.old)
        if count != 1:
            raise ToolFailedError(
                ["finn-plus"],
                returncode=1,
                log=path,
                tail=(
                    f"{edit.path}: expected the text {edit.old!r} once, found it {count} times "
                    f"(needed because: {edit.why}). The installed finn-plus is not the version "
                    "that hwflow pins; install that version."
                ),
            )
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
