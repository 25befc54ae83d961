"""What the figures mean for training, in sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from grader_service.report.outcomes import Outcomes
from grader_service.report.parts import PartFigures
from grader_service.report.spread import Spread
from grader_service.report.thresholds import LEAST_FAILING, MOST_FAILING, Thresholds
from grader_service.report.visible import line

Level = Literal["good", "look", "bad"]

MANY_INVALID: Final = 0.05
MANY_FLAT: Final = 0.5
SOME_FLAT: Final = 0.25


@dataclass(frozen=True, slots=True)
class Advice:
    level: Level
    title: str
    text: str


def percent(share: float) -> str:
    """One digit behind the point below 10 %; never 0 % or 100 % for what is not quite so."""
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    if share < 0.001:
        return "< 0.1 %"
    if share > 0.999:
        return "> 99.9 %"
    digits = 1 if share < 0.1 or share > 0.99 else 0
    return f"{share * 100:.{digits}f} %"


def failures(outcomes: Outcomes) -> Iterator[Advice]:
    """Of grading itself."""
    failed, invalid = outcomes.states["failed"], outcomes.states["invalid"]
    if failed:
        yield Advice(
            "bad",
            f"{percent(failed / outcomes.samples)} failed",
            f"{failed} of {outcomes.samples} samples could not be graded, through no fault of theirs"
            f"{_most(outcomes, 'failed')}. They have no reward and are left out of the figures; grade them again.",
        )
    if invalid:
        yield Advice(
            "look" if invalid / outcomes.samples <= MANY_INVALID else "bad",
            f"{percent(invalid / outcomes.samples)} invalid",
            f"{invalid} of {outcomes.samples} samples have no reward of their own{_most(outcomes, 'invalid')}. "
            "The figures count them with the invalid grade, as a trainer would.",
        )
    if not failed and not invalid:
        yield Advice("good", "Everything was graded", "No sample is invalid, none failed.")


def _most(outcomes: Outcomes, state: str) -> str:
    cause = next((cause for cause in outcomes.causes if cause.state == state), None)
    if cause is None:
        return ""
    where = f" in {line(cause.where, 60)}" if cause.where else ""
    return f", most often by {line(cause.kind, 60)}{where} ({cause.count})"


def difficulty(found: Thresholds) -> Iterator[Advice]:
    """How many fail, and where to put the threshold."""
    if len(found.curve) == 1:
        yield Advice(
            "bad",
            f"Every sample earns {found.curve[0].threshold:.4g}",
            "With one reward for everything there is nothing to learn. Look at the grader and at the examples below.",
        )
        return
    advised = f"{percent(LEAST_FAILING)[:-2]}–{percent(MOST_FAILING)}"
    current = found.current
    if current is not None:
        failing = (
            f"{percent(current.failing)} fail at the grader's pass_threshold {current.threshold:g}"
        )
        if LEAST_FAILING <= current.failing <= MOST_FAILING:
            yield Advice("good", failing, f"Training should start with {advised} failing.")
            return
        way = (
            "Too few to learn from" if current.failing < LEAST_FAILING else "Too many to learn from"
        )
        yield Advice(
            "look", failing, f"{way}: {advised} should fail before training. {_where(found)}"
        )
        return
    level: Level = "look" if found.suggested is None else "good"
    title = (
        "No threshold fits"
        if found.suggested is None
        else f"A threshold of {found.suggested.threshold:.4g} fits"
    )
    yield Advice(level, title, f"{advised} should fail before training. {_where(found)}")


def _where(found: Thresholds) -> str:
    if found.suggested is not None and found.above is not None and found.up_to is not None:
        return (
            f"A threshold above {found.above:.4g} and up to {found.up_to:.4g} gives that; at "
            f"{found.suggested.threshold:.4g}, {percent(found.suggested.failing)} fail."
        )
    if found.too_few is None or found.too_many is None:
        return "No threshold gives that: nearly all samples earn the highest reward. Take harder rows, or a stricter grader."
    return (
        f"No threshold gives that: at {found.too_few.threshold:.4g}, {percent(found.too_few.failing)} fail, above it "
        f"{percent(found.too_many.failing)}. A finer reward, or rows of another difficulty, would help."
    )


def variety(found: Spread | None, prompts: int) -> Iterator[Advice]:
    """Whether group-relative training has something to compare."""
    if found is None:
        yield Advice(
            "look",
            "One reward for each prompt",
            f"None of the {prompts} prompts has two rewards, so nothing can be said about their spread, which "
            "group-relative training lives on. Grade several samples of each: --n 4.",
        )
        return
    level: Level = "bad" if found.flat > MANY_FLAT else "look" if found.flat > SOME_FLAT else "good"
    yield Advice(
        level,
        f"{percent(found.flat)} of the prompts have no spread",
        f"All samples of such a prompt earn the same, so group-relative training learns nothing from it "
        f"({percent(found.flat_lowest)} of the prompts: all at the lowest reward; {percent(found.flat_highest)}: all at "
        f"the highest). The mean standard deviation within a prompt is {found.mean:.3g}.",
    )


def constants(parts: tuple[PartFigures, ...]) -> Iterator[Advice]:
    still = [part.name for part in parts if part.distribution.distinct == 1]
    if still:
        names = ", ".join(line(name, 60) for name in still[:5])
        yield Advice(
            "look",
            f"{len(still)} of {len(parts)} parts never change",
            f"They give every sample the same and so tell good from bad nowhere: {names}{', …' if len(still) > 5 else ''}.",
        )
