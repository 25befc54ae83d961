"""Chooses samples to look at from each decile of the rewards."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from grader_service.report.grades import Grades, Integers

FROM_EACH: Final = 2


@dataclass(frozen=True, slots=True)
class Decile:
    """Samples by their reward, from `low` to `high`. Deciles that one reward fills are one: `first` to `last`, from 1.

    Fewer than ten samples make fewer groups. `places` are in the arrays.
    """

    first: int
    last: int
    low: float
    high: float
    samples: int
    places: tuple[int, ...]


def deciles(grades: Grades) -> tuple[Decile, ...]:
    """From the lowest to the highest; the same file gives the same examples."""
    rewarded = np.flatnonzero(grades.rewarded)
    ranked: Integers = rewarded[np.argsort(grades.rewards[rewarded], kind="stable")]
    if not len(ranked):
        return ()
    found: list[Decile] = []
    run: list[Integers] = []
    groups = np.array_split(ranked, min(10, len(ranked)))
    for number, places in enumerate(groups, start=1):
        if run and np.ptp(grades.rewards[np.concatenate([*run, places])]) > 0:
            found.append(_decile(grades, run, number - 1))
            run = []
        run.append(places)
    return (*found, _decile(grades, run, len(groups)))


def _decile(grades: Grades, run: list[Integers], last: int) -> Decile:
    places = np.concatenate(run)
    rewards = grades.rewards[places]
    wanted = min(len(places), FROM_EACH * min(len(run), 2))
    chosen = np.random.default_rng(last).choice(places, wanted, replace=False)
    chosen = chosen[np.argsort(grades.rewards[chosen], kind="stable")]
    return Decile(
        last - len(run) + 1,
        last,
        float(rewards[0]),
        float(rewards[-1]),
        len(places),
        tuple(chosen.tolist()),
    )
