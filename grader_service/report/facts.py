"""The figures that a reader wants first, as short words: tiles of the page, lines of the terminal."""

from collections.abc import Iterator
from dataclasses import dataclass

from grader_service.report.advice import percent
from grader_service.report.comparison import Comparison
from grader_service.report.cost import ModelCost
from grader_service.report.summary import Summary


@dataclass(frozen=True, slots=True)
class Fact:
    """`note` says more about `value`, or is empty."""

    label: str
    value: str
    note: str = ""


def number(value: float | None) -> str:
    """Four digits, a dash where there is none."""
    return "–" if value is None else f"{value:.4g}"


def facts(summary: Summary) -> Iterator[Fact]:
    outcomes, rewards, curve = summary.outcomes, summary.rewards, summary.thresholds
    yield Fact("samples", f"{outcomes.samples:,}", f"of {outcomes.prompts:,} prompts")
    if rewards is not None:
        yield Fact(
            "mean reward",
            number(rewards.mean),
            f"± {number(rewards.deviation)}, {number(rewards.minimum)} to {number(rewards.maximum)}",
        )
    if curve is not None and curve.current is not None:
        yield Fact(
            "failing",
            percent(curve.current.failing),
            f"below the pass_threshold {number(curve.current.threshold)}",
        )
    elif curve is not None and curve.suggested is not None:
        yield Fact(
            "failing",
            percent(curve.suggested.failing),
            f"below {number(curve.suggested.threshold)}, which would fit",
        )
    if summary.spread is not None:
        yield Fact(
            "no spread",
            percent(summary.spread.flat),
            f"of {summary.spread.compared:,} prompts; mean {number(summary.spread.mean)}",
        )
    for state in ("invalid", "failed"):
        count = outcomes.states[state]
        yield Fact(state, f"{count:,}", percent(count / outcomes.samples))
    yield Fact(
        "seconds for a grade",
        f"{summary.times.median:.3g}",
        f"median; 99 % within {summary.times.ninety_ninth:.3g}",
    )
    if summary.costs:
        yield _cost(summary.costs)


def _cost(costs: tuple[ModelCost, ...]) -> Fact:
    tokens = sum(cost.prompt_tokens + cost.completion_tokens for cost in costs)
    known = [cost.cost for cost in costs if cost.cost is not None]
    if not known:
        return Fact("judge tokens", f"{tokens:,}", "no price is set")
    left_out = len(costs) - len(known)
    unpriced = f"; {left_out} models without a price" if left_out else ""
    return Fact("judge cost", number(sum(known)), f"{tokens:,} tokens{unpriced}")


def comparison_facts(comparison: Comparison) -> Iterator[Fact]:
    difference = comparison.difference
    yield Fact("same samples", f"{comparison.pairs:,}")
    yield Fact(
        "mean difference",
        f"{difference.mean:+.4g}",
        f"other minus first; {number(comparison.absolute_difference)} without sign",
    )
    yield Fact(
        "changed",
        percent(comparison.rises + comparison.falls),
        f"{percent(comparison.rises)} higher, {percent(comparison.falls)} lower",
    )
    yield Fact("Spearman", number(comparison.spearman), "rank correlation")
    yield Fact(
        "flips",
        percent(comparison.at.share),
        f"at {number(comparison.at.threshold)}: {comparison.at.gained:,} pass now, {comparison.at.lost:,} no more",
    )
