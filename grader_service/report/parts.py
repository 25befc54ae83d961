"""What each part of a multi contributes."""

from dataclasses import dataclass

import numpy as np

from grader_service.report.correlation import spearman
from grader_service.report.distribution import Distribution, distribution
from grader_service.report.grades import Floats, Grades


@dataclass(frozen=True, slots=True)
class PartFigures:
    """`with_reward` is Spearman's correlation of the part with the whole reward, None where one of them never changes."""

    name: str
    distribution: Distribution
    with_reward: float | None


def part_figures(grades: Grades) -> tuple[PartFigures, ...]:
    """In the order of the records."""
    found = [_part(name, rewards, grades) for name, rewards in grades.parts.items()]
    return tuple(part for part in found if part is not None)


def _part(name: str, rewards: Floats, grades: Grades) -> PartFigures | None:
    there = grades.rewarded & ~np.isnan(rewards)
    figures = distribution(rewards[there])
    if figures is None:
        return None
    return PartFigures(name, figures, spearman(rewards[there], grades.rewards[there]))
