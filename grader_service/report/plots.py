"""The drawings of one rewards file."""

from itertools import pairwise
from typing import Final

from matplotlib.axes import Axes

from grader_service.report.advice import percent
from grader_service.report.distribution import Histogram
from grader_service.report.drawing import (
    BAND,
    FIRST,
    INK,
    MUTED,
    SECOND,
    Drawing,
    canvas,
    count_axis,
    share_axis,
)
from grader_service.report.parts import PartFigures
from grader_service.report.spread import Spread
from grader_service.report.summary import Summary
from grader_service.report.thresholds import LEAST_FAILING, MOST_FAILING, Thresholds
from grader_service.report.visible import line

MOST_PARTS: Final = 12
HEIGHT: Final = 2.7


def drawings(summary: Summary) -> list[Drawing]:
    """Those that there is something to draw for."""
    found = []
    if summary.rewards is not None and summary.thresholds is not None:
        found.append(_rewards(summary.rewards.histogram, summary.thresholds))
        found.append(_failing(summary.thresholds))
    if summary.spread is not None:
        found.append(_spread(summary.spread))
    if summary.parts:
        found.append(_parts(summary.parts[:MOST_PARTS]))
    return found


def _rewards(histogram: Histogram, found: Thresholds) -> Drawing:
    with canvas(HEIGHT) as (figure, axes):
        _bars(axes, histogram)
        axes.set_xlabel("reward")
        axes.set_ylabel("samples")
        if found.current is not None:
            _mark(axes, found.current.threshold)
    return Drawing(
        "rewards", "Rewards", "Bars: how many samples have a reward in each range.", figure
    )


def _failing(found: Thresholds) -> Drawing:
    with canvas(HEIGHT) as (figure, axes):
        axes.axhspan(LEAST_FAILING, MOST_FAILING, color=BAND, alpha=0.16, linewidth=0)
        first, last = found.curve[0].threshold, found.curve[-1].threshold
        margin = 0.04 * (last - first) or 0.5
        axes.step(
            [first - margin, *(point.threshold for point in found.curve), last + margin],
            [0.0, *(point.failing for point in found.curve), 1.0],
            where="pre",
            color=FIRST,
            linewidth=1.8,
        )
        axes.text(
            0.01,
            (LEAST_FAILING + MOST_FAILING) / 2,
            "advised",
            transform=axes.get_yaxis_transform(),
            va="center",
            color=INK,
            fontsize=8,
        )
        if found.current is not None:
            _mark(axes, found.current.threshold)
        axes.set_ylim(0, 1.02)
        axes.set_xlim(first - margin, last + margin)
        share_axis(axes)
        axes.set_xlabel("threshold")
        axes.set_ylabel("samples that fail")
    told = "A line that rises: the share of samples below each threshold; 25 to 50 % are advised."
    return Drawing("failing", "Failing at every threshold", told, figure)


def _spread(found: Spread) -> Drawing:
    with canvas(HEIGHT) as (figure, axes):
        flat = round(found.flat * found.compared)
        _bars(axes, found.histogram, hatched=flat)
        end = _last_edge(found.histogram)
        axes.set_xlim(-0.02 * end, end)
        axes.set_xlabel("standard deviation of a prompt's rewards")
        axes.set_ylabel("prompts")
        if flat:
            axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    told = f"Bars: prompts by the spread of their rewards; {percent(found.flat)} have none."
    return Drawing("spread", "Spread within each prompt", told, figure)


def _last_edge(histogram: Histogram) -> float:
    """Where the last bar ends that is there."""
    return max(
        (
            right
            for right, count in zip(histogram.edges[1:], histogram.counts, strict=True)
            if count
        ),
        default=1.0,
    )


def _parts(parts: tuple[PartFigures, ...]) -> Drawing:
    with canvas(0.55 + 0.62 * len(parts)) as (figure, axes):
        figure.delaxes(axes)
        for place, part in enumerate(parts):
            _part(figure.add_subplot(len(parts), 1, place + 1), part)
        figure.supxlabel("reward of the part", color=MUTED, fontsize=9)
    told = "A row of bars for each part: how many samples have a reward in each range."
    return Drawing("parts", "Rewards of each part", told, figure)


def _part(axes: Axes, part: PartFigures) -> None:
    _bars(axes, part.distribution.histogram)
    axes.tick_params(length=0, labelsize=7.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_title(line(part.name, 48), loc="left", fontsize=8.5, color=INK, pad=2)


def _bars(axes: Axes, histogram: Histogram, hatched: int = 0) -> None:
    """`hatched` of the first bar's count are drawn apart."""
    widths = [right - left for left, right in pairwise(histogram.edges)]
    counts = list(histogram.counts)
    counts[0] -= hatched
    bottoms = [hatched] + [0] * (len(counts) - 1)
    lefts = histogram.edges[:-1]
    axes.bar(
        lefts,
        counts,
        [width * 0.92 for width in widths],
        bottoms,
        align="edge",
        color=FIRST,
        label="some spread",
    )
    if hatched:
        axes.bar(
            lefts[:1],
            [hatched],
            [widths[0] * 0.92],
            align="edge",
            color="none",
            edgecolor=SECOND,
            hatch="////",
            label="no spread: nothing to learn",
        )
    count_axis(axes)


def _mark(axes: Axes, threshold: float) -> None:
    axes.axvline(threshold, color=SECOND, linewidth=1.4, linestyle=(0, (4, 2)))
    axes.annotate(
        "pass_threshold",
        (threshold, 1),
        xycoords=axes.get_xaxis_transform(),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
        color=INK,
        fontsize=8,
    )
