"""What may be claimed of a cascade against each single network: only what every seed shows."""

from __future__ import annotations

from dataclasses import dataclass

from hwflow.reproduce.metrics import Match, Metrics, Number, Spread
from hwflow.reproduce.summary import spread
from hwflow.reproduce.words import prose


@dataclass(frozen=True)
class Verdict:
    """A cascade against one single network, over ``seeds`` seeds.

    ``reached``, ``better``: in so many. ``reasons``: why it is not better, each with its seeds.
    ``accuracy``, ``bops``, ``ratio``, ``fps``: of the cascade at thresholds that reach the single
    network's validation accuracy; None where no seed has them.
    """

    single: str
    seeds: int
    reached: int
    better: int
    reasons: tuple[str, ...]
    accuracy: Spread | None
    bops: Spread | None
    ratio: Spread | None
    fps: Spread | None

    @property
    def is_claimed(self) -> bool:
        """Whether every seed shows it."""
        return self.better == self.seeds


def verdicts(metrics: Metrics, cascade: str) -> tuple[Verdict, ...]:
    """Return one verdict per single network but the first stage alone."""
    told = [
        {match.single: match for match in one.comparison(cascade).matches} for one in metrics.seeds
    ]
    return tuple(_verdict(name, [matches[name] for matches in told]) for name in told[0])


def claim(metrics: Metrics, cascade: str) -> str:
    """Return the sentence that the card says of a cascade and the single networks."""
    told = verdicts(metrics, cascade)
    above = all(one.comparison(cascade).above_front for one in metrics.seeds)
    seeds = "in every seed" if len(metrics.seeds) > 1 else "in the one seed there is"
    if above:
        return (
            f"**`{cascade}` lies above the single networks' front** {seeds}: at least as accurate "
            f"as each network of the last stage's topology on it, for fewer BOPs, at more frames "
            f"per second on one {metrics.study.board}."
        )
    worse = [f"{each.single} ({'; '.join(each.reasons)})" for each in told if not each.is_claimed]
    better = [each.single for each in told if each.is_claimed]
    text = f"**`{cascade}` is not above the single networks' front.**"
    if worse:
        text += f" Not better than {prose(worse)}."
    else:
        text += (
            " In some seed the first stage alone is as accurate as every network of the last "
            "stage's topology."
        )
    return text + (f" Better {seeds} than {prose(better)}." if better else "")


def _verdict(name: str, matches: list[Match]) -> Verdict:
    reached = [match for match in matches if match.point is not None]
    points = [match.point for match in reached if match.point is not None]
    count = len(matches)
    failures = (
        ("no threshold reaches its validation accuracy", count - len(reached)),
        ("less accurate on test frames", sum(not match.more_accurate for match in reached)),
        ("not fewer BOPs", sum(not match.fewer_bops for match in reached)),
        ("not more frames per second", sum(not match.faster for match in reached)),
    )
    return Verdict(
        single=name,
        seeds=count,
        reached=len(reached),
        better=sum(match.better for match in matches),
        reasons=tuple(f"{why} in {many} of {count}" for why, many in failures if many),
        accuracy=_over([point.accuracy for point in points]),
        bops=_over([point.avg_bops for point in points]),
        ratio=_over([match.bops_ratio for match in reached]),
        fps=_over([point.hardware.frames_per_s for point in points]),
    )


def _over(numbers: list[Number | None]) -> Spread | None:
    there = [number for number in numbers if number is not None]
    return spread(there) if there else None
