import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwflow.errors import ConfigError, ToolFailedError
from hwflow.simulate import compile as compiling
from hwflow.simulate.compile import Ports, Stream, Tap, compile_model
from hwflow.simulate.library import PROTOCOL_BROKEN, STALLED, Pauses, RegisterError, Simulation

pytestmark = pytest.mark.sim

RTL = Path(__file__).parent / "rtl"
SOURCES = ("dummy_accelerator.sv",)
PORTS = Ports(
    top="dummy_accelerator",
    source=Stream("s_axis_frame", 8, last=True),
    sink=Stream("m_axis_result", 8),
    taps=(Tap("tap0_valid_o", "tap0_data_o", 12),),
    control="s_axi_ctrl",
)
ROM = (0x1234, 0x00FF)
FRAME_BEATS = 4


@pytest.fixture
def folder(tmp_path):
    shutil.copy(RTL / SOURCES[0], tmp_path)
    (tmp_path / "rom.dat").write_text("".join(f"{word:04x}\n" for word in ROM))
    return tmp_path


@pytest.fixture
def simulation(folder):
    library = compile_model(PORTS, sources=SOURCES, folder=folder)
    with Simulation(library, PORTS, folder=folder, random_state=7) as made:
        made.reset()
        yield made


def beats(frames, seed=0):
    data = np.random.default_rng(seed).integers(0, 256, (frames * FRAME_BEATS, 8), dtype=np.uint8)
    last = np.zeros(len(data), np.uint8)
    last[FRAME_BEATS - 1 :: FRAME_BEATS] = 1
    return data, last


def expected(data):
    sums = data.reshape(-1, FRAME_BEATS * 8).sum(axis=1, dtype=np.int64)
    return sums + np.resize(ROM, len(sums))


@pytest.mark.parametrize(
    "pauses", [Pauses(), Pauses(0.3, 0.0, 3, 1), Pauses(0.0, 0.4, 5, 2), Pauses(0.5, 0.5, 9, 3)]
)
def test_every_beat_arrives_whatever_the_pauses(simulation, pauses):
    data, last = beats(40)
    simulation.pauses(pauses)
    simulation.load(data, last)
    assert simulation.run(40, patience=200) == 0
    words = simulation.recording().data.view("<u4").astype(np.int64)
    np.testing.assert_array_equal(words[:, 0], expected(data))
    np.testing.assert_array_equal(words[:, 1], np.arange(40))
    tap = simulation.recording(0).data.view("<u4").astype(np.int64)
    running = data.reshape(40, FRAME_BEATS, 8).sum(axis=2, dtype=np.int64).cumsum(axis=1)
    np.testing.assert_array_equal(tap[:, 0], running.ravel())
    np.testing.assert_array_equal(tap[:, 2], last)
    in_cycles = simulation.in_cycles().astype(np.int64)
    assert len(in_cycles) == len(data)
    assert (np.diff(in_cycles) > 0).all()
    gaps = np.diff(simulation.recording().cycle.astype(np.int64))
    if pauses == Pauses():
        assert (gaps == FRAME_BEATS + 1).all()  # four beats in, one result out
    else:
        assert gaps.max() > FRAME_BEATS + 1


def test_the_same_seed_gives_the_same_cycles(simulation):
    stamps = []
    for seed in (5, 5, 6):
        simulation.reset()
        simulation.pauses(Pauses(0.3, 0.3, 4, seed))
        simulation.load(*beats(20))
        start = simulation.cycle
        assert simulation.run(20, patience=200) == 0
        stamps.append((simulation.recording().cycle - np.uint64(start)).tolist())
    assert stamps[0] == stamps[1] != stamps[2]


def test_registers(simulation):
    simulation.write(0, 0x11223344)
    assert simulation.read(0) == 0x11223344
    simulation.write(0, 0xAABBCCDD, strobe=0b0101)
    assert simulation.read(0) == 0x11BB33DD
    with pytest.raises(RegisterError, match=r"write of 0x1 to 0x4.*OKAY.*got 2"):
        simulation.write(4, 1)
    with pytest.raises(RegisterError, match=r"read of 0x8"):
        simulation.read(8)


def test_a_memory_file_takes_effect_without_recompiling(folder, simulation):
    (folder / "rom.dat").write_text("0001\n0000\n")
    library = compile_model(PORTS, sources=SOURCES, folder=folder)
    with Simulation(library, PORTS, folder=folder) as other:
        other.reset()
        other.load(*beats(1))
        assert other.run(1, patience=100) == 0
        got = int(other.recording().data.view("<u4")[0, 0])
    assert got == int(expected(beats(1)[0])[0]) - ROM[0] + 1


def test_a_missing_memory_file_is_an_error_and_leaves_us_where_we_were(folder, simulation):
    (folder / "rom.dat").unlink()
    here = Path.cwd()
    library = compile_model(PORTS, sources=SOURCES, folder=folder)
    with pytest.raises(ToolFailedError, match=r"file not found.*rom\.dat"):
        Simulation(library, PORTS, folder=folder)
    assert Path.cwd() == here


def edited(folder, old, new):
    source = folder / SOURCES[0]
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new))
    return compile_model(PORTS, sources=SOURCES, folder=folder)


def test_a_hanging_design_is_noticed(folder):
    library = edited(folder, "HangFrame = 32'hffff_ffff", "HangFrame = 3")
    with Simulation(library, PORTS, folder=folder) as simulation:
        simulation.reset()
        simulation.load(*beats(6))
        assert simulation.run(6, patience=50) == STALLED
        assert len(simulation.recording().data) == 3


def test_an_output_that_changes_before_it_is_taken_is_noticed(folder):
    toggle = "  logic t_q;\n  always_ff @(posedge ap_clk) t_q <= ap_rst_n && !t_q;\n  wire take"
    source = folder / SOURCES[0]
    source.write_text(source.read_text().replace("  wire take", toggle))
    library = edited(folder, "{frame_q, sum_q", "{frame_q ^ 32'(t_q), sum_q")
    with Simulation(library, PORTS, folder=folder) as simulation:
        simulation.reset()
        simulation.pauses(Pauses(0.0, 0.5, 4, 1))
        simulation.load(*beats(50))
        assert simulation.run(50, patience=500) == PROTOCOL_BROKEN


def test_a_fatal_in_the_design_is_an_error_not_an_abort(folder):
    library = edited(
        folder, "  wire take", '  initial if (rom[0] == 0) $fatal(1, "rom is zero");\n  wire take'
    )
    (folder / "rom.dat").write_text("0000\n0000\n")
    with pytest.raises(ToolFailedError, match=r"dummy_accelerator\.sv"):
        Simulation(library, PORTS, folder=folder)


def test_a_syntax_error_quotes_verilator(folder):
    with pytest.raises(ToolFailedError, match=r"(?s)%Error.*dummy_accelerator\.sv"):
        edited(folder, "always_comb begin", "always_comb begin oops oops")


def test_a_missing_source_is_named(folder):
    with pytest.raises(ConfigError, match=r"gone\.sv: missing.*hwflow build"):
        compile_model(replace(PORTS, top="gone"), sources=("gone.sv",), folder=folder)


def test_a_waveform_on_request(folder):
    library = compile_model(PORTS, sources=SOURCES, folder=folder, trace=True)
    with Simulation(library, PORTS, folder=folder) as simulation:
        simulation.reset()
        simulation.load(*beats(2))
        simulation.trace(folder / "waves.vcd")
        assert simulation.run(2, patience=100) == 0
        simulation.trace(None)
    assert "s_axis_frame_tdata" in (folder / "waves.vcd").read_text()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"idle": 1.0}, "idle: expected a chance per cycle, from 0 to less than 1, got 1.0"),
        ({"stall": -0.1}, "stall: expected a chance"),
        ({"stall": float("nan")}, "stall: expected a chance"),
        ({"longest": 0}, r"longest: expected a whole number from 1 to 2\^32 - 1, got 0"),
        ({"longest": 2**32}, "longest: expected"),
        ({"longest": 2.5}, "longest: expected a whole number"),
        ({"seed": -1}, "seed: expected a whole number from 0"),
        ({"seed": 2**32}, "seed: expected"),
    ],
)
def test_pauses_out_of_range_are_refused(told, words):
    with pytest.raises(ConfigError, match=words):
        Pauses(**told)


def test_pauses_at_the_ends_of_their_ranges_run(simulation):
    for pauses in (Pauses(0.999, 0.999, 1, 0), Pauses(0.0, 0.0, 2**32 - 1, 2**32 - 1)):
        data, last = beats(5)
        simulation.reset()
        simulation.pauses(pauses)
        simulation.load(data, last)
        assert simulation.run(5, patience=10_000) == 0


@pytest.mark.parametrize("changed", ["LINKER_FLAGS", "COMPILER_FLAGS", "compiler_version"])
def test_another_compiler_or_other_flags_are_another_simulation(
    folder, tmp_path, monkeypatch, changed
):
    monkeypatch.setenv("HWFLOW_CACHE", str(tmp_path / "cache"))

    def key():
        # The makefile is not run: what matters is where the simulation would lie.
        keys = []

        def run(*arguments, **options):
            keys.append(options["report"].stem)
            raise KeyboardInterrupt

        with monkeypatch.context() as inner:
            inner.setattr(compiling, "_run", run)
            with pytest.raises(KeyboardInterrupt):
                compile_model(PORTS, sources=SOURCES, folder=folder)
        return keys[0]

    before = key()
    assert key() == before
    other = (lambda: "c++ 99") if changed == "compiler_version" else "-g"
    monkeypatch.setattr(compiling, changed, other)
    assert key() != before
