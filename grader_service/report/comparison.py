"""Two graders on the same outputs: how far apart, in what order, and who passes."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from grader_service.report.correlation import spearman
from grader_service.report.distribution import Distribution, distribution
from grader_service.report.grades import Floats, Grades, Integers

GRID: Final = 10
"""The thresholds looked at cut the rewards' range into so many steps."""

CELLS: Final = 24
"""Of the scatter, on each side."""

MOST_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class Flips:
    """`gained` samples pass with the other grader only, `lost` with the first only; `share` is of all pairs."""

    threshold: float
    gained: int
    lost: int
    share: float


@dataclass(frozen=True, slots=True)
class Flip:
    """One sample whose verdict flips. `first` and `second` are places in the two files' arrays."""

    index: int
    n: int
    first_reward: float
    second_reward: float
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Scatter:
    """`counts[i][j]` pairs have the i-th reward range of the first and the j-th of the other grader."""

    edges: tuple[float, ...]
    other_edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of samples that both files have with a reward; `only_first`, `only_second` are in one file alone,
    `ungraded` failed in one of them. Differences are the other reward minus the first; `rises` and
    `falls` are shares of the pairs.
    """

    pairs: int
    only_first: int
    only_second: int
    ungraded: int
    difference: Distribution
    absolute_difference: float
    rises: float
    falls: float
    spearman: float | None
    flips: tuple[Flips, ...]
    at: Flips
    gained: tuple[Flip, ...]
    lost: tuple[Flip, ...]
    scatter: Scatter


def compare(first: Grades, second: Grades, threshold: float | None) -> Comparison | None:
    """None where no sample is in both. Without a threshold examples are given at the middle of the range."""
    _, mine, theirs = np.intersect1d(
        first.keys, second.keys, assume_unique=True, return_indices=True
    )
    both = first.rewarded[mine] & second.rewarded[theirs]
    matched, mine, theirs = len(mine), mine[both], theirs[both]
    left, right = first.rewards[mine], second.rewards[theirs]
    difference = distribution(right - left)
    if difference is None:
        return None
    grid = _grid(left, right)
    at = float(grid[len(grid) // 2]) if threshold is None else threshold
    return Comparison(
        pairs=len(left),
        only_first=len(first.keys) - matched,
        only_second=len(second.keys) - matched,
        ungraded=matched - len(left),
        difference=difference,
        absolute_difference=float(np.mean(np.abs(right - left))),
        rises=float(np.mean(right > left)),
        falls=float(np.mean(right < left)),
        spearman=spearman(left, right),
        flips=tuple(_flips(left, right, float(step)) for step in np.unique([*grid, at])),
        at=_flips(left, right, at),
        gained=_examples((first, mine), (second, theirs), (left < at) & (right >= at)),
        lost=_examples((first, mine), (second, theirs), (left >= at) & (right < at)),
        scatter=_scatter(left, right),
    )


def _grid(left: Floats, right: Floats) -> Floats:
    """Steps inside the range of both; 0 to 1 where all rewards are in there."""
    low = float(min(left.min(), right.min()))
    high = float(max(left.max(), right.max()))
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    steps: Floats = np.linspace(low, high, GRID + 1)[1:-1].round(12)
    return steps


def _flips(left: Floats, right: Floats, threshold: float) -> Flips:
    gained = int(((left < threshold) & (right >= threshold)).sum())
    lost = int(((left >= threshold) & (right < threshold)).sum())
    return Flips(threshold, gained, lost, (gained + lost) / len(left))


def _examples(
    first: tuple[Grades, Integers], second: tuple[Grades, Integers], flipped: np.ndarray
) -> tuple[Flip, ...]:
    """Those furthest apart."""
    (grades, mine), (others, theirs) = first, second
    mine, theirs = mine[flipped], theirs[flipped]
    apart = np.abs(grades.rewards[mine] - others.rewards[theirs])
    return tuple(
        Flip(
            int(grades.rows[mine[place]]),
            int(grades.numbers[mine[place]]),
            float(grades.rewards[mine[place]]),
            float(others.rewards[theirs[place]]),
            int(mine[place]),
            int(theirs[place]),
        )
        for place in np.argsort(-apart, kind="stable")[:MOST_EXAMPLES]
    )


def _scatter(left: Floats, right: Floats) -> Scatter:
    counts, edges, other_edges = np.histogram2d(left, right, bins=CELLS)
    return Scatter(
        tuple(edges.tolist()),
        tuple(other_edges.tolist()),
        tuple(tuple(int(count) for count in line) for line in counts),
    )


def some_pairs(first: Grades, second: Grades, most: int) -> tuple[tuple[int, int], ...]:
    """Places of the same sample in both, evenly over the files."""
    _, mine, theirs = np.intersect1d(
        first.keys, second.keys, assume_unique=True, return_indices=True
    )
    chosen = np.unique(np.linspace(0, len(mine) - 1, min(most, len(mine))).astype(int))
    return tuple(zip(mine[chosen].tolist(), theirs[chosen].tolist(), strict=True))
