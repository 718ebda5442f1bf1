"""Means, goals, claims, card and README table of a study made up by hand."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hand_made import metrics, single
from hand_made import one_seed as seed

from hwflow.bench.document import replaced
from hwflow.config.base import load
from hwflow.config.study import Goal
from hwflow.errors import ConfigError
from hwflow.reproduce.assemble import to_json
from hwflow.reproduce.card import card, write_documents
from hwflow.reproduce.compare import mark_front
from hwflow.reproduce.curve import draw
from hwflow.reproduce.folder import kept_while_replaced, settle
from hwflow.reproduce.headline import read_models, table
from hwflow.reproduce.metrics import METRICS_FILE, Limited, Metrics
from hwflow.reproduce.summary import reached, summarise
from hwflow.reproduce.verdict import claim, verdicts


def test_mean_and_deviation_over_seeds():
    told = metrics(seed(1, accuracy=0.90), seed(2, accuracy=0.94))
    found = told.summary["separate.cascade_accuracy"]
    assert found.mean == pytest.approx(0.92)
    assert found.sd == pytest.approx(0.04 / 2**0.5)
    assert (found.seeds, found.n, found.split) == ((1, 2), 10, "test")
    assert metrics(seed(1)).summary["separate.cascade_accuracy"].sd is None
    assert told.summary["separate.bops_ratio"].mean == pytest.approx(0.4)
    assert told.summary["separate.exit_rate"].mean == pytest.approx(0.75)
    assert told.summary["single.w8a8.bops"].mean == 1e8
    assert told.summary["mismatches"].mean == 0


def test_a_goal_is_held_against_the_mean():
    goals = (
        Goal(figure="separate.cascade_accuracy", at_least=0.92 - 1e-9),
        Goal(figure="separate.cascade_accuracy", at_least=0.921),
        Goal(figure="separate.avg_bops", at_most=4e7),
        Goal(figure="separate.avg_bops", at_most=3.9e7),
    )
    told = metrics(seed(1, accuracy=0.90), seed(2, accuracy=0.94), goals=goals)
    assert [each.met for each in told.goals] == [True, False, True, False]
    assert told.goals[0].got == pytest.approx(0.92)


def test_a_goal_that_one_seed_has_no_figure_for_is_missed():
    goal = (Goal(figure="separate.frames_per_s", at_least=1.0),)
    told = metrics(seed(1), seed(2, fps=None), goals=goal)
    assert (told.goals[0].got, told.goals[0].met) == (None, False)
    assert metrics(seed(1), seed(2), goals=goal).goals[0].met


def test_a_goal_of_no_figure_is_named():
    with pytest.raises(ConfigError, match=r"no figure 'separate\.speed'; there are mismatches"):
        metrics(seed(1), goals=(Goal(figure="separate.speed", at_least=1),))


def test_better_is_claimed_only_of_what_every_seed_shows():
    whole = metrics(seed(1), seed(2))
    assert claim(whole, "separate").startswith("**`separate` lies above")
    mixed = metrics(seed(1), seed(2, fps=450.0))  # faster than w8a8 there, not than w4a4
    found = {each.single: each for each in verdicts(mixed, "separate")}
    assert (found["w4a4"].better, found["w4a4"].is_claimed) == (1, False)
    assert found["w4a4"].reasons == ("not more frames per second in 1 of 2",)
    assert found["w8a8"].is_claimed
    told = claim(mixed, "separate")
    assert told.startswith("**`separate` is not above the single networks' front.** Not better")
    assert "w4a4 (not more frames per second in 1 of 2)" in told
    assert told.endswith("Better in every seed than w8a8.")
    slow = metrics(seed(1, fps=None))
    assert "Better" not in claim(slow, "separate").replace("Not better", "")


def test_where_the_first_stage_alone_is_the_front_nothing_lies_above_it():
    def one(number):
        told = seed(number)
        singles = mark_front(
            (
                single("stage0 alone", 1e7, 1.0, 1.0, is_first=True),
                single("w8a8", 1e8, 0.9, 0.9, fps=400.0),
            )
        )
        front = {each.name for each in singles if each.on_front}
        assert front == {"stage0 alone"}
        match = told.comparison("separate").matches[0].model_copy(update={"single": "w8a8"})
        assert match.better
        only = told.comparison("separate").model_copy(
            update={"matches": (match,), "above_front": False}
        )
        return told.model_copy(update={"singles": singles, "comparisons": (only,)})

    told = claim(metrics(one(1), one(2)), "separate")
    assert "is not above" in told
    assert "Not better than" not in told
    assert "the first stage alone is as accurate as every network" in told
    assert told.endswith("Better in every seed than w8a8.")


def limited(number, *, kept=True):
    """A seed whose cascade may lose 0.1 %, and can or cannot."""
    told = seed(number)
    own = told.comparison("separate")
    point = own.matches[0].point
    found = Limited(of="loss", limit=0.001, reference="separate")
    if kept:
        numbers = {"lost": point.accuracy, "bops_ratio": own.equal_accuracy}
        rival = {"equal_single": "w4a4", "equal_accuracy": own.equal_accuracy}
        found = found.model_copy(update={"point": point, **numbers, **rival})
    return told.model_copy(update={"comparisons": (own.model_copy(update={"limited": (found,)}),)})


def test_the_card_says_how_many_seeds_keep_a_limit_and_against_what():
    text = card(metrics(limited(1), limited(2, kept=False)))
    row = next(line for line in text.splitlines() if line.startswith("| `separate` | 0.1 %"))
    assert "| 1 of 2 |" in row
    assert row.endswith("| w4a4 | 0.200 |"), "10 M of 50 M"
    text = card(metrics(limited(1, kept=False), limited(2, kept=False)))
    assert "| `separate` | 0.1 % |  | 0 of 2 | – | – | – | – | – |" in text


def test_the_card_says_how_accurate_the_network_of_equal_accuracy_is():
    """90 % at 40 M BOPs: w4a4 has 90 % at 50 M; where it has 80 %, w8a8 has 100 % at 100 M."""
    text = card(metrics(seed(1), seed(2, w4a4=0.8)))
    least = "the cheapest single network that is at least as accurate, which has"
    turns = "of those of two single networks in turn."
    assert f"Seed 1: 90.00 % for 0.800 of the BOPs of w4a4, {least} 90.00 %; 0.800 {turns}" in text
    # 80 % at 10 M and 100 % at 100 M, each for half of the frames: 55 M.
    assert f"Seed 2: 90.00 % for 0.400 of the BOPs of w8a8, {least} 100.00 %; 0.727 {turns}" in text


@pytest.mark.parametrize(
    "figure",
    [
        *("separate.at_0.001_bops", "separate.at_0.0010_loss_of_unpruned"),
        *("separate.within_0.5_loss", "separate.at_1-2_equal_accuracy"),
    ],
)
def test_a_goal_of_a_limit_that_is_misspelt_is_named(figure):
    told = summarise((seed(1), seed(2)))
    with pytest.raises(ConfigError, match="no figure"):
        reached((Goal(figure=figure, at_most=1),), told, seeds=2)
    right = Goal(figure="separate.at_0.001_loss_of_unpruned", at_most=1)
    assert reached((right,), told, seeds=2)[0].got is None


def test_the_file_gives_the_same_metrics_and_the_same_card(tmp_path):
    told = metrics(seed(1), seed(2), goals=(Goal(figure="separate.loss", at_most=0.1),))
    write_documents(told, tmp_path)
    again = load(Metrics, tmp_path / METRICS_FILE)
    assert again == told
    assert card(again) == (tmp_path / "card.md").read_text()
    assert draw(again) == (tmp_path / "curve.svg").read_text()
    assert to_json(again) == (tmp_path / METRICS_FILE).read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "card.md",
        "curve.svg",
        METRICS_FILE,
    ]


def test_the_card_says_what_the_metrics_say():
    goals = (Goal(figure="separate.loss", at_most=0.1), Goal(figure="separate.loss", at_most=-1))
    told = metrics(seed(1, accuracy=0.90), seed(2, accuracy=0.94, fps=None), goals=goals)
    text = card(told)
    assert "| 92.00 ± 2.83 % |" in text
    assert "| `separate.loss` | ≤ 0.1 | 0 | met |" in text
    assert "| `separate.loss` | ≤ -1.0 | 0 | **missed** |" in text
    assert claim(told, "separate") in text
    assert "100 integers of the exported variants (" in text
    assert "| w4a4 | 90.00 ± 0.00 % | 50.00 ± 0.00 M |" in text
    assert "| neg_entropy | – | – |" in text
    assert "None" not in text
    assert "\n\n\n" not in text


def test_a_card_of_few_seeds_says_so():
    text = card(metrics(seed(1)))
    assert "One seed, 1" in text
    assert "**Unfinished:** the study wants seeds 1 and 2." in text
    assert "- Other seeds." in text
    assert "Unfinished" not in card(metrics(seed(1), seed(2)))


def test_the_card_names_what_does_not_fit():
    assert "`separate` does not fit: too large" in card(metrics(seed(1, fps=None)))


def test_the_chart_has_a_line_per_curve_and_a_mark_per_network():
    svg = {"svg": "http://www.w3.org/2000/svg"}
    root = ET.fromstring(draw(metrics(seed(1))))
    drawn = {each.get("id"): each for each in root.iterfind(".//svg:g[@id]", svg)}
    for name in ("random routing", "ideal routing", "policy separate", "single w4a4"):
        assert name in drawn
    path = drawn["separate"].find("svg:path", svg).get("d").split()
    points = [(float(x), float(y)) for x, y in zip(path[1::3], path[2::3], strict=True)]
    assert len(points) == len(seed(1).variants[0].curve.accuracy)
    assert points[0][0] > points[-1][0], "dearer is to the right"
    assert points[0][1] < points[-1][1], "more accurate is above"


def test_a_folder_that_publishing_was_killed_over_comes_back(tmp_path):
    folder = tmp_path / "model"
    settle(folder)
    assert not folder.exists(), "there is nothing to bring back"
    kept_while_replaced(folder).mkdir()
    (kept_while_replaced(folder) / "recipe.yaml").write_text("1")
    settle(folder)
    assert (folder / "recipe.yaml").read_text() == "1"
    kept_while_replaced(folder).mkdir()
    settle(folder)
    assert (folder / "recipe.yaml").is_file(), "what is there stays"


def test_the_readme_table_has_a_row_per_cascade(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert table(read_models(tmp_path)) == "No model has been reproduced yet.\n"
    told = metrics(seed(1), seed(2))
    write_documents(told, tmp_path / "b")
    text = table(read_models(tmp_path))
    row = "| [tiny](models/tiny/card.md), **`separate`** | 2 | 80.00 ± 0.00 % | 90.00 ± 0.00 % |"
    assert row in text
    assert "| w4a4 and w8a8 of 2 |" in text
    page = replaced("<!-- models -->\nold\n<!-- end of models -->\n", "models", text, "x")
    assert replaced(page, "models", text, "x") == page
    assert "**`separate`** | 1 of 2 |" in table([metrics(seed(1))])
    other = metrics(seed(1), seed(2, accuracy=0.91))
    assert table([other]) != text
    with pytest.raises(ConfigError, match="no such folder"):
        read_models(tmp_path / "c")
