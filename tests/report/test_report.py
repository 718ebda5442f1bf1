import json
import re

import numpy as np
import pytest
from pydantic import ValidationError
from rich.console import Console

from hwflow.cascade.interval import wilson
from hwflow.cascade.view import ScoredSplit
from hwflow.config.accelerator import Estimate, Layer
from hwflow.config.bundle import Link
from hwflow.config.calibration import EpsCalibration
from hwflow.report import REPORT_JSON, read_report, summary
from hwflow.report.collect import KINDS
from hwflow.report.cost_plot import accuracy_cost
from hwflow.report.evaluate import evaluate
from hwflow.report.html import render
from hwflow.report.layers import LayerRow, LayerTable
from hwflow.report.plots import bops
from hwflow.report.schema import (
    CascadeReport,
    CurveReport,
    Escalated,
    HardwareReport,
    Kind,
    Number,
    Report,
    StageHardwareReport,
    StageReport,
    StepReport,
)
from hwflow.report.scored import ScoredCascade, ScoredStage

NASTY = "<script>alert(1)</script>"


def number(value):
    return Number(
        value=value, unit="fraction of test frames", provenance="simulated", n=4, seed=1,
        interval95=wilson(value, 4),
    )  # fmt: skip


def fifo(name):
    values = layer(name, 100).model_dump() | {"op": "StreamingFIFO_rtl", "fifo_depth_words": 4}
    return Layer(**values)


def layer(name, cycles):
    estimate = Estimate(lut=10, lutram=1, ff=5, dsp=0, bram36=0.5)
    return Layer(
        name=name, layer="fc0", op="MVAU_rtl", backend="finn", module=name, cycles=cycles,
        estimate=estimate,
    )  # fmt: skip


def table(stage):
    estimate = Estimate(lut=20, lutram=2, ff=10, dsp=0, bram36=1.0)
    counted = Estimate(lut=21, lutram=2, ff=11, dsp=0, bram36=0.5)
    row = LayerRow(
        layer=NASTY, units=("window", "matrix"), macs=1000, pe=2, simd=3, cycles=100, share=1.0,
        slowest="MVAU_rtl", bottleneck=True, fifo_words=7, memory_bits=64, estimated=estimate,
        synthesised=counted,
    )  # fmt: skip
    return LayerTable(
        stage=stage.name, ii_bound_cycles=100, rows=(row,), estimated=estimate,
        synthesised=counted, tool="yosys",
    )  # fmt: skip


def evaluation():
    """Of four frames: the first stage is unsure of what it has wrong."""
    labels = np.array([0, 1, 0, 1])
    first = np.array([[9, 0], [0, 7], [1, 2], [3, 1]])
    late = 5 * np.eye(2, dtype=np.int64)[labels]
    splits = {split: ScoredSplit(split, labels, (first, late)) for split in ("validation", "test")}
    cascade = ScoredCascade(
        name=NASTY,
        dataset="digits",
        classes=("no", "yes"),
        stages=(ScoredStage("small", 800, 1.0), ScoredStage(NASTY, 6400, 0.5)),
        splits=splits,
        thresholds=(3,),
        calibration=EpsCalibration(),
    )
    return evaluate(cascade, "test", resamples=20)


@pytest.fixture
def report():
    stages = tuple(
        StageReport(
            name=name, accuracy=number(value), weight_bit_width=(bits,), act_bit_width=(8,),
            params=10, macs=100, bops=100 * bits * 8,
        )
        for name, value, bits in (("small", 0.5, 1), (NASTY, 1.0, 8))
    )  # fmt: skip
    hardware = tuple(
        StageHardwareReport(
            name=f"s{k}", ii_cycles=100.5, ii_bound_cycles=100, latency_cycles=150,
            latency_estimate_cycles=160, layers=(layer(f"s{k}_a", 100), fifo(f"s{k}_fifo")),
        )
        for k in range(2)
    )  # fmt: skip
    tables = tuple(table(stage) for stage in hardware)
    curve = CurveReport(
        decision=0, split="test", n=4, threshold=(0, 3), exit_rate=(1.0, 0.5),
        accuracy=(0.5, 1.0), random_accuracy=(0.5, 0.75), oracle_accuracy=(0.5, 1.0),
    )  # fmt: skip
    return Report(
        schema_version=1,
        name=NASTY,
        dataset="digits",
        classes=("no", "yes"),
        stages=stages,
        cascade=CascadeReport(
            accuracy=number(1.0), exit_rate=0.5, exit_rate_per_stage=(0.5, 0.5), avg_bops=4000.0,
            avg_bops_ratio=0.625, worst_bops=7200, threshold_int=(3,), n=4,
            accuracy_loss_points=0.0,
        ),
        exactness=(Link(link=f"a ↔ {NASTY}", compared=40, mismatches=0, ties=0),),
        hardware=HardwareReport(
            name="x", part="xc7z020", clk_period_ns=10.0, ii_cycles=101.0, ii_bound_cycles=100.0,
            latency_cycles=300, latency_by_exit_cycles=(150, 300), frames_per_second=1e6,
            retention_frames=(4,), retained_peak_frames=(2,), stages=hardware,
        ),
        layers=tables,
        resources=None,
        curves=(curve,),
        evaluation=evaluation(),
        escalated=(
            Escalated(frame=1, label=1, first_label=0, first_margin=2, prediction=1, exit_stage=1),
            Escalated(frame=3, label=1, first_label=1, first_margin=1, prediction=0, exit_stage=1),
        ),
        kinds={path: Kind(unit=unit, provenance=origin) for path, (unit, origin) in KINDS.items()},
        steps=(
            StepReport(
                step="simulate", seed=1, duration_s=1.0, input_hash="0" * 64, commit=None,
                dirty=None, versions={"numpy": "2"},
            ),
        ),
        provenance={"seed": "1"},
    )  # fmt: skip


@pytest.fixture
def page(report):
    return render(report, frames=np.zeros((4, 3, 3, 1), np.uint8))


def test_names_from_outside_are_escaped(page):
    assert NASTY not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_page_loads_nothing(page):
    assert not re.search(r"<(script|img|link|iframe)[^>]+(src|href)=[\"'](?!data:)", page)


def test_wrong_frames_come_first(page):
    shown = [int(frame) for frame in re.findall(r"· frame (\d+)", page)]
    assert shown == [3, 1]
    assert "it put 1 right that small had wrong, and 1 wrong that it had right" in page


def test_missing_resources_are_said(page):
    assert "Not estimated: yosys was not run" in page


def test_fifos_are_not_drawn_as_layers(page):
    assert '"fifo"' not in page
    assert '"a"' in page


def test_every_chart_has_a_place(page):
    places = set(re.findall(r'id="chart-([a-z0-9_]+)"', page))
    assert places == {"bops", "threshold_0", "exits", "cost", "layers_0", "layers_1"}


def test_the_worst_case_stands_beside_the_average(report, page):
    told = report.evaluation.cascade
    assert told.worst_bops == 7200
    assert told.avg_bops.value == 800 + 0.5 * 6400
    figure = accuracy_cost(report.evaluation)
    (line,) = figure.layout.shapes
    assert line.x0 == line.x1 == 7200 / 1e6
    (note,) = figure.layout.annotations
    assert "worst case: 0.01" in note.text
    assert 10**note.x == pytest.approx(line.x0)
    assert bops(report).data[0].x[-2:] == (4000 / 1e6, 7200 / 1e6)
    assert "takes 0.01 MBOPs" in page


def test_the_chart_holds_every_score_between_chance_and_hindsight(report):
    figure = accuracy_cost(report.evaluation)
    lines = {line.name: line for line in figure.data}
    scores = ("margin (n = 4)", "max_softmax", "neg_entropy", "gbvsb_1_2")
    assert {"ideal routing", "random routing", *scores, "policy", "each stage alone"} < set(lines)
    ideal, chance = lines["ideal routing"].y, lines["random routing"].y
    for low, value, high in zip(chance, lines["margin (n = 4)"].y, ideal, strict=True):
        assert low <= value <= high
    band = figure.data[0]
    points = len(ideal)
    for index, value in enumerate(lines["margin (n = 4)"].y):
        low, high = wilson(value / 100, 4)
        assert band.y[index] == pytest.approx(100 * high)
        assert band.y[2 * points - 1 - index] == pytest.approx(100 * low)
    assert lines["policy"].x == (4000 / 1e6,)


def test_one_network_has_no_such_chart(report):
    alone = report.model_copy(update={"evaluation": None})
    page = render(alone, frames=np.zeros((4, 3, 3, 1), np.uint8))
    assert 'id="chart-cost"' not in page
    assert "Accuracy against work" not in page


def test_the_terminal_shows_the_same_figures(report):
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    for table in summary(report):
        console.print(table)
    text = console.export_text()
    assert "100.00 %" in text
    assert "50.0 % early" in text
    assert "62.5 %" in text
    assert re.search(r"passes every stage +0\.01", text)
    assert "101" in text


def test_a_report_survives_its_file(report, tmp_path):
    (tmp_path / REPORT_JSON).write_text(report.model_dump_json())
    assert read_report(tmp_path) == report


def test_the_kinds_name_keys_that_are_there(report):
    data = json.loads(report.model_dump_json())
    for path in KINDS:
        node = data
        for part in path.split("."):
            node = node[part.removesuffix("[]")]
            if part.endswith("[]"):
                node = node[0]
        assert isinstance(node, (int, float)), path


def test_a_number_without_unit_is_refused():
    with pytest.raises(ValidationError):
        Number(value=1.0, provenance="simulated")
