"""The share of samples that fail at every threshold, and which threshold makes a good start for training.

A sample passes with a reward of at least the threshold. The vendor's guides advise that 25 to 50 % of a
model's samples fail before training: with fewer there is little to learn, with more too little is rewarded.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from grader_service.report.grades import Floats

LEAST_FAILING: Final = 0.25
MOST_FAILING: Final = 0.5
MOST_POINTS: Final = 400


@dataclass(frozen=True, slots=True)
class Point:
    """`failing` is a share, 0 to 1."""

    threshold: float
    failing: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """`curve` rises with the threshold; between two points the share is that of the second.

    Thresholds above `above` and up to `up_to` have the advised share; `suggested` is one of them, near the
    middle of that share. All three are None where no threshold has it: then `too_few` is the last
    point below and `too_many` the first beyond. `current` is that of the grader's `pass_threshold`.
    """

    curve: tuple[Point, ...]
    above: float | None
    up_to: float | None
    suggested: Point | None
    too_few: Point | None
    too_many: Point | None
    current: Point | None


def thresholds(rewards: Floats, pass_threshold: float | None) -> Thresholds | None:
    """None of no rewards."""
    if not len(rewards):
        return None
    values, counts = np.unique(rewards, return_counts=True)
    failing = np.concatenate(([0.0], np.cumsum(counts)[:-1] / len(rewards)))  # at each value
    fit = np.flatnonzero((failing >= LEAST_FAILING) & (failing <= MOST_FAILING))
    above = up_to = suggested = None
    if len(fit):
        middle = (LEAST_FAILING + MOST_FAILING) / 2
        best = fit[np.argmin(np.abs(failing[fit] - middle))]
        above, up_to = float(values[fit[0] - 1]), float(values[fit[-1]])
        suggested = _point(values, failing, int(best))
    few = int(np.searchsorted(failing, LEAST_FAILING)) - 1
    many = int(np.searchsorted(failing, MOST_FAILING, side="right"))
    return Thresholds(
        curve=_curve(values, failing),
        above=above,
        up_to=up_to,
        suggested=suggested,
        too_few=_point(values, failing, few),
        too_many=_point(values, failing, many) if many < len(values) else None,
        current=None
        if pass_threshold is None
        else Point(pass_threshold, share_failing(rewards, pass_threshold)),
    )


def share_failing(rewards: Floats, threshold: float) -> float:
    return float(np.mean(rewards < threshold))


def _curve(values: Floats, failing: Floats) -> tuple[Point, ...]:
    """Every value, or as many as a picture can show."""
    chosen = np.unique(np.linspace(0, len(values) - 1, MOST_POINTS).round().astype(int))
    return tuple(_point(values, failing, int(place)) for place in chosen)


def _point(values: Floats, failing: Floats, place: int) -> Point:
    return Point(float(values[place]), float(failing[place]))
