"""How far apart the rewards of one prompt's samples are.

Group-relative training (GRPO and its kin) compares the samples of a prompt with each other: a prompt whose
samples all earn the same teaches nothing.
"""

from dataclasses import dataclass

import numpy as np

from grader_service.report.distribution import Histogram, histogram
from grader_service.report.grades import Grades


@dataclass(frozen=True, slots=True)
class Spread:
    """Prompts with at least two rewards. All shares are of `compared`.

    `flat` prompts have equal rewards only, `flat_lowest` and `flat_highest` of them the lowest and highest
    reward of the whole file. `mean` is that of the prompts' standard deviations, `histogram` shows them.
    """

    prompts: int
    compared: int
    fewest_samples: int
    most_samples: int
    flat: float
    flat_lowest: float
    flat_highest: float
    mean: float
    histogram: Histogram


def spread(grades: Grades) -> Spread | None:
    """None where no prompt has two rewards."""
    rewarded = grades.rewarded
    rewards = grades.rewards[rewarded]
    if not len(rewards):
        return None
    _, starts, sizes = np.unique(grades.rows[rewarded], return_index=True, return_counts=True)
    several = sizes > 1
    if not several.any():
        return None
    lowest = np.minimum.reduceat(rewards, starts)[several]
    highest = np.maximum.reduceat(rewards, starts)[several]
    means = np.add.reduceat(rewards, starts) / sizes
    squares = np.add.reduceat((rewards - np.repeat(means, sizes)) ** 2, starts)
    flat = lowest == highest
    deviations = np.where(flat, 0.0, np.sqrt(squares / sizes)[several])
    return Spread(
        prompts=len(np.unique(grades.rows)),
        compared=int(several.sum()),
        fewest_samples=int(sizes[several].min()),
        most_samples=int(sizes.max()),
        flat=float(np.mean(flat)),
        flat_lowest=float(np.mean(flat & (lowest == rewards.min()))),
        flat_highest=float(np.mean(flat & (lowest == rewards.max()))),
        mean=float(np.mean(deviations)),
        histogram=histogram(deviations),
    )
