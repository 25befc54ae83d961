"""All figures of a rewards file."""

from dataclasses import dataclass

from grader_service.report import advice
from grader_service.report.advice import Advice
from grader_service.report.cost import ModelCost, PriceOf, model_costs
from grader_service.report.distribution import Distribution, distribution
from grader_service.report.grades import Grades
from grader_service.report.outcomes import Outcomes, outcomes
from grader_service.report.parts import PartFigures, part_figures
from grader_service.report.spread import Spread, spread
from grader_service.report.thresholds import Thresholds, thresholds
from grader_service.report.times import Times, times


@dataclass(frozen=True, slots=True)
class Summary:
    """`rewards`, `thresholds` and `spread` are None where there is nothing to tell of."""

    outcomes: Outcomes
    replaced: int
    rewards: Distribution | None
    thresholds: Thresholds | None
    spread: Spread | None
    parts: tuple[PartFigures, ...]
    times: Times
    costs: tuple[ModelCost, ...]
    advice: tuple[Advice, ...]


def summarize(grades: Grades, pass_threshold: float | None, price_of: PriceOf) -> Summary:
    """Needs at least one sample."""
    rewards = grades.rewards[grades.rewarded]
    found = outcomes(grades)
    curve = thresholds(rewards, pass_threshold)
    within = spread(grades)
    parts = part_figures(grades)
    said = [*advice.failures(found)]
    if curve is not None:
        said += [*advice.difficulty(curve), *advice.variety(within, found.prompts)]
    return Summary(
        outcomes=found,
        replaced=grades.replaced,
        rewards=distribution(rewards),
        thresholds=curve,
        spread=within,
        parts=parts,
        times=times(grades),
        costs=model_costs(grades.usage, price_of),
        advice=(*said, *advice.constants(parts)),
    )
