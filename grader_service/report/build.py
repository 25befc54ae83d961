"""Makes a report: reads, counts, draws, writes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup

from grader_service.datasets.records import Record
from grader_service.errors import CannotStart
from grader_service.report import page
from grader_service.report.comparison import Comparison, Flip, compare, some_pairs
from grader_service.report.comparison_plots import comparison_drawings
from grader_service.report.cost import PriceOf
from grader_service.report.drawing import Drawing, inline_svg, write
from grader_service.report.examples import deciles
from grader_service.report.facts import Fact, comparison_facts, facts
from grader_service.report.outcomes import CauseCount
from grader_service.report.page import Page, Picture, ShownCause, ShownDecile, ShownFlip, Versus
from grader_service.report.plots import drawings
from grader_service.report.reading import Rewards, read_rewards
from grader_service.report.shown import output_of, shown
from grader_service.report.summary import Summary, summarize
from grader_service.report.visible import line

CHECKED_PAIRS: Final = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """`grader` is its name, None with `pass_threshold` where it is not known."""

    rewards: Path
    other: Path | None
    output: Path
    plots: Path | None
    grader: str | None
    pass_threshold: float | None
    price_of: PriceOf


@dataclass(frozen=True, slots=True)
class Built:
    """`other` and `comparison` are None without a second file; `facts` are the first figures as words, `files` what was written."""

    facts: tuple[Fact, ...]
    summary: Summary
    other: Summary | None
    comparison: Comparison | None
    files: tuple[str, ...]


def build(wanted: Wanted) -> Built:
    """Raises:
    CannotStart: a file cannot be read or written, or holds no records; both have no sample in common.
    """
    rewards = read_rewards(wanted.rewards)
    summary = summarize(rewards.grades, wanted.pass_threshold, wanted.price_of)
    drawn = drawings(summary)
    other = comparison = versus = None
    beside: list[Drawing] = []
    if wanted.other is not None:
        others = read_rewards(wanted.other)
        other = summarize(others.grades, wanted.pass_threshold, wanted.price_of)
        comparison = _compared(rewards, others, summary)
        names = _names(rewards.path, others.path)
        beside = comparison_drawings(comparison, names)
        versus = _versus((rewards, others), names, other, comparison, beside)
    text = page.render(_page(wanted, rewards, summary, drawn, versus))
    return Built(
        _facts(summary, comparison),
        summary,
        other,
        comparison,
        _written(wanted, text, [*drawn, *beside]),
    )


def _facts(summary: Summary, comparison: Comparison | None) -> tuple[Fact, ...]:
    return (*facts(summary), *(() if comparison is None else comparison_facts(comparison)))


def _compared(rewards: Rewards, others: Rewards, summary: Summary) -> Comparison:
    curve = summary.thresholds
    point = None if curve is None else curve.current or curve.suggested
    comparison = compare(rewards.grades, others.grades, None if point is None else point.threshold)
    if comparison is None:
        raise CannotStart(
            f"{str(others.path)!r} has no sample with a reward in common with {str(rewards.path)!r}; "
            "grade the same outputs, so that `index` and `n` are the same"
        )
    return comparison


def _names(first: Path, second: Path) -> tuple[str, str]:
    """File names, with their folders where the names alone are the same."""
    if first.name != second.name:
        return first.name, second.name
    return str(first), str(second)


def _versus(
    files: tuple[Rewards, Rewards],
    names: tuple[str, str],
    other: Summary,
    comparison: Comparison,
    drawn: list[Drawing],
) -> Versus:
    first, second = files
    pairs = some_pairs(first.grades, second.grades, CHECKED_PAIRS)
    return Versus(
        *names,
        other,
        comparison,
        tuple(comparison_facts(comparison)),
        _pictures(drawn),
        _flips(files, comparison.gained),
        _flips(files, comparison.lost),
        len(pairs),
        _different(files, pairs),
    )


def _flips(files: tuple[Rewards, Rewards], flips: tuple[Flip, ...]) -> tuple[ShownFlip, ...]:
    firsts = files[0].fetch(flip.first for flip in flips)
    seconds = files[1].fetch(flip.second for flip in flips)
    return tuple(
        ShownFlip(shown(firsts[flip.first]), shown(seconds[flip.second])) for flip in flips
    )


def _different(files: tuple[Rewards, Rewards], pairs: tuple[tuple[int, int], ...]) -> int:
    """Pairs whose outputs are not the same."""
    firsts = files[0].fetch(first for first, _ in pairs)
    seconds = files[1].fetch(second for _, second in pairs)
    return sum(
        output_of(firsts[first]["sample"]) != output_of(seconds[second]["sample"])
        for first, second in pairs
    )


def _page(
    wanted: Wanted, rewards: Rewards, summary: Summary, drawn: list[Drawing], versus: Versus | None
) -> Page:
    found = deciles(rewards.grades)
    slowest = summary.times.slowest
    causes = summary.outcomes.causes
    examples = [place for decile in found for place in decile.places]
    told = [*(slow.place for slow in slowest), *(cause.place for cause in causes)]
    records = rewards.fetch([*examples, *told])
    return Page(
        rewards.path.name,
        wanted.grader,
        summary,
        tuple(facts(summary)),
        _pictures(drawn),
        tuple(_cause(cause, records[cause.place]) for cause in causes),
        tuple(
            ShownDecile(decile, tuple(shown(records[place]) for place in decile.places))
            for decile in found
        ),
        tuple((slow, shown(records[slow.place])) for slow in slowest),
        versus,
    )


def _cause(cause: CauseCount, record: Record) -> ShownCause:
    details = next(
        told["details"]
        for told in record["causes"]
        if (told["kind"], told["where"]) == (cause.kind, cause.where)
    )
    return ShownCause(cause, line(details, 300), record["index"], record["n"])


def _pictures(drawn: list[Drawing]) -> tuple[Picture, ...]:
    return tuple(
        Picture(drawing.name, drawing.title, drawing.told, Markup(inline_svg(drawing)))  # noqa: S704 - escaped by matplotlib
        for drawing in drawn
    )


def _written(wanted: Wanted, text: str, drawn: list[Drawing]) -> tuple[str, ...]:
    try:
        wanted.output.write_text(text, encoding="utf-8")
        plots = [] if wanted.plots is None else write(drawn, wanted.plots)
    except OSError as error:
        raise CannotStart(f"{str(error.filename)!r} cannot be written: {error.strerror}") from None
    return tuple(str(path) for path in (wanted.output, *plots))
