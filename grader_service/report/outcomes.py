"""How many samples have a reward, and why the others have none."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grader_service.events import State
from grader_service.report.grades import STATES, Grades


@dataclass(frozen=True, slots=True)
class CauseCount:
    """Samples with this cause, of the state that they have; `where` is the part, "" for the grader itself.

    `place` is that of the first such sample in the arrays.
    """

    state: State
    kind: str
    where: str
    count: int
    share: float
    place: int


@dataclass(frozen=True, slots=True)
class Outcomes:
    samples: int
    prompts: int
    states: Mapping[State, int]
    causes: tuple[CauseCount, ...]


def outcomes(grades: Grades) -> Outcomes:
    """Causes by their number, the most frequent first."""
    samples = len(grades.keys)
    counts = np.bincount(grades.states, minlength=len(STATES)).tolist()
    causes = []
    for (kind, where), found in grades.causes.items():
        states = grades.states[found]
        for number in np.unique(states):
            these = found[states == number]
            count = len(these)
            state = STATES[number]
            causes.append(CauseCount(state, kind, where, count, count / samples, int(these.min())))
    return Outcomes(
        samples,
        len(np.unique(grades.rows)),
        dict(zip(STATES, counts, strict=True)),
        tuple(sorted(causes, key=lambda cause: (-cause.count, cause.kind, cause.where))),
    )
