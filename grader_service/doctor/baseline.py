"""What honest answers earn: the measure for everything that an attack earns."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader_service.doctor.answers import Answers
from grader_service.doctor.bench import Bench, Trial
from grader_service.doctor.outputs import Output, Shape, Slot, other, right, text_shape
from grader_service.doctor.rows import AttackRow
from grader_service.doctor.subject import Subject
from grader_service.doctor.values import prompt_of

PROSE = Output("I am not sure about this one.")
SAME = 1e-6
"""Rewards that differ by less are the same."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row, ready to be attacked.

    `shape` is the form in which the right answer earned most. `right` and `wrong` are rewards, `right`
    None where no output was found that earns more than a wrong one. `full` are full marks: `right`, or
    what the definition lets expect. `floor` is the least that any honest output earned.
    """

    subject: Subject
    row: AttackRow
    shape: Shape
    honest: tuple[Trial, ...]
    right: float | None
    wrong: float
    floor: float
    full: float
    certain: bool

    @property
    def item(self) -> Mapping[str, Any]:
        return self.row.item

    @property
    def prompt(self) -> str:
        return prompt_of(self.item)

    def share(self, reward: float) -> float:
        """0 is what a wrong answer earns, 1 what a right one earns."""
        width = self.full - self.wrong
        return (reward - self.wrong) / width if width > SAME else 0.0

    def gain(self, reward: float) -> float:
        """0 is the least that anything honest earned, 1 what a right answer earns."""
        width = self.full - self.floor
        return (reward - self.floor) / width if width > SAME else 0.0

    def wrong_output(self) -> Output:
        return self.shape(other(0))


async def measure(bench: Bench, subject: Subject, row: AttackRow, answers: Answers) -> Case | None:
    """None where nothing honest got a grade: the row does not fit the grader."""
    tried = await bench.grade_all(row.item, [shape(right) for shape in answers.shapes])
    brought = await bench.grade_all(row.item, row.samples)
    graded = [trial for trial in (*tried, *brought) if not trial.failed]
    if not any(trial.result.state == "value" for trial in graded):
        return None
    best = max(graded, key=lambda trial: (trial.result.state == "value", trial.reward))
    prose = await bench.grade_all(row.item, [PROSE])
    shape = await _telling(bench, row, answers.shapes, graded, best)
    if all(trial.reward > best.reward + SAME for trial in prose) and prose:
        best, shape = prose[0], _refusing(shape)
    wrong = await bench.grade_all(row.item, [shape(other(0)), shape(other(1))])
    honest = [trial for trial in (*wrong, *prose) if not trial.failed]
    if not honest:
        return None
    low = statistics.median(_wrong_rewards(wrong, best) or [trial.reward for trial in honest])
    known = best.reward if best.reward > low + SAME else None
    return Case(
        subject=subject,
        row=row,
        shape=shape,
        honest=(*graded, *honest),
        right=known,
        wrong=low,
        floor=min(trial.reward for trial in (*honest, *brought)),
        full=known if known is not None else max(subject.ceiling, low),
        certain=answers.certain,
    )


async def _telling(
    bench: Bench, row: AttackRow, shapes: Sequence[Shape], graded: Sequence[Trial], best: Trial
) -> Shape:
    """Of the forms in which the right answer earns most, the first in which a wrong one earns less.

    A grader that rewards what it cannot read gives full marks to forms that say nothing to it.
    """
    first = _shape_of(best.output, shapes)
    tied = {trial.output for trial in graded if abs(trial.reward - best.reward) <= SAME}
    for shape in (first, *(each for each in shapes if each(right) in tied)):
        for wrong in await bench.grade_all(row.item, [shape(other(0))]):
            if not wrong.failed and wrong.reward < best.reward - SAME:
                return shape
    return first


def _wrong_rewards(wrong: Sequence[Trial], best: Trial) -> list[float]:
    """Without what happened to be the right answer itself."""
    return [trial.reward for trial in wrong if not trial.failed and trial.output != best.output]


def _refusing(shape: Shape) -> Shape:
    """For a grader that pays for what is not the row's value: any other text is right, the value wrong."""
    return lambda fill: shape(lambda slot: fill(Slot(PROSE.text, (slot.value,))))


def _shape_of(output: Output, shapes: Sequence[Shape]) -> Shape:
    """The shape that made an output; for one of a model's, its text as a whole."""
    for shape in shapes:
        if shape(right) == output:
            return shape
    return text_shape(Slot(output.text, (PROSE.text,)))
