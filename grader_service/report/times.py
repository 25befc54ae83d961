"""How long grades took."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from grader_service.events import State
from grader_service.report.grades import STATES, Grades

SLOWEST: Final = 10


@dataclass(frozen=True, slots=True)
class SlowGrade:
    """`place` is in the arrays."""

    place: int
    index: int
    n: int
    seconds: float
    reward: float
    state: State


@dataclass(frozen=True, slots=True)
class Times:
    """In seconds; `total` is the sum over all grades, which may have run side by side."""

    median: float
    ninetieth: float
    ninety_ninth: float
    maximum: float
    total: float
    slowest: tuple[SlowGrade, ...]


def times(grades: Grades) -> Times:
    median, ninetieth, ninety_ninth, maximum = np.quantile(
        grades.seconds, [0.5, 0.9, 0.99, 1]
    ).tolist()
    slowest = np.argsort(-grades.seconds, kind="stable")[:SLOWEST]
    return Times(
        median,
        ninetieth,
        ninety_ninth,
        maximum,
        float(grades.seconds.sum()),
        tuple(_slow(grades, int(position)) for position in slowest),
    )


def _slow(grades: Grades, position: int) -> SlowGrade:
    return SlowGrade(
        position,
        int(grades.rows[position]),
        int(grades.numbers[position]),
        float(grades.seconds[position]),
        float(grades.rewards[position]),
        STATES[grades.states[position]],
    )
