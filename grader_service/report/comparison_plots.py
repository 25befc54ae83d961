"""The drawings of two graders side by side."""

from itertools import pairwise
from typing import Final

from matplotlib.ticker import MaxNLocator

from grader_service.report.comparison import Comparison, Flips, Scatter
from grader_service.report.drawing import (
    FIRST,
    INK,
    LINE,
    MUTED,
    SECOND,
    Drawing,
    canvas,
    count_axis,
)
from grader_service.report.visible import line

LARGEST_DOT: Final = 160.0
SMALLEST_DOT: Final = 3.0
"""Areas in square points."""


def comparison_drawings(comparison: Comparison, names: tuple[str, str]) -> list[Drawing]:
    first, second = (line(name, 36) for name in names)
    return [_scatter(comparison.scatter, first, second), _flips(comparison.flips, first, second)]


def _scatter(scatter: Scatter, first: str, second: str) -> Drawing:
    lefts, rights = _middles(scatter.edges), _middles(scatter.other_edges)
    dots = [
        (left, right, count)
        for left, counts in zip(lefts, scatter.counts, strict=True)
        for right, count in zip(rights, counts, strict=True)
        if count
    ]
    most = max(count for _, _, count in dots)
    with canvas(3.6) as (figure, axes):
        low = min(scatter.edges[0], scatter.other_edges[0])
        high = max(scatter.edges[-1], scatter.other_edges[-1])
        axes.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle=(0, (4, 2)))
        axes.scatter(
            [left for left, _, _ in dots],
            [right for _, right, _ in dots],
            s=[max(SMALLEST_DOT, LARGEST_DOT * count / most) for _, _, count in dots],
            color=FIRST,
            alpha=0.75,
            linewidths=0,
        )
        axes.grid(axis="x", color=LINE, linewidth=0.6)
        axes.set_xlabel(first)
        axes.set_ylabel(second)
    told = "Dots as large as the number of samples; on the dashed line both graders agree."
    return Drawing("comparison", "Reward by reward", told, figure)


def _middles(edges: tuple[float, ...]) -> list[float]:
    return [(left + right) / 2 for left, right in pairwise(edges)]


def _flips(flips: tuple[Flips, ...], first: str, second: str) -> Drawing:
    places = range(len(flips))
    with canvas(2.9) as (figure, axes):
        axes.bar(
            places, [flip.gained for flip in flips], color=FIRST, label=f"only {second} passes"
        )
        axes.bar(
            places,
            [-flip.lost for flip in flips],
            color="none",
            edgecolor=SECOND,
            hatch="////",
            label=f"only {first} passes",
        )
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xticks(list(places), [f"{flip.threshold:.3g}" for flip in flips])
        axes.set_xlabel("threshold")
        axes.set_ylabel("samples")
        count_axis(axes)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        figure.legend(loc="outside upper left", frameon=False, fontsize=8, labelcolor=INK, ncols=1)
    told = "Bars up: samples that pass only with the other grader; down: only with the first."
    return Drawing("flips", "Flips between pass and fail", told, figure)
