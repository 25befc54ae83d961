"""How numbers are spread out."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from grader_service.report.grades import Floats

BARS: Final = 20


@dataclass(frozen=True, slots=True)
class Histogram:
    """`edges` has one more than `counts`; the last bar has its right edge too."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Distribution:
    """`deviation` is the population's; `distinct` counts different values; `at_minimum`, `at_maximum` are shares."""

    count: int
    mean: float
    deviation: float
    minimum: float
    quarter: float
    median: float
    three_quarters: float
    maximum: float
    distinct: int
    at_minimum: float
    at_maximum: float
    histogram: Histogram


def distribution(values: Floats) -> Distribution | None:
    """None of no values."""
    if not len(values):
        return None
    minimum, quarter, median, three_quarters, maximum = np.quantile(
        values, [0, 0.25, 0.5, 0.75, 1]
    ).tolist()
    return Distribution(
        count=len(values),
        mean=float(np.mean(values)),
        deviation=0.0 if minimum == maximum else float(np.std(values)),
        minimum=minimum,
        quarter=quarter,
        median=median,
        three_quarters=three_quarters,
        maximum=maximum,
        distinct=len(np.unique(values)),
        at_minimum=float(np.mean(values == minimum)),
        at_maximum=float(np.mean(values == maximum)),
        histogram=histogram(values),
    )


def histogram(values: Floats) -> Histogram:
    """Bars over 0 to 1 where all values are in there, else from the lowest to the highest."""
    within = bool(np.all((values >= 0) & (values <= 1)))
    edges = np.histogram_bin_edges(values, bins=BARS, range=(0.0, 1.0) if within else None)
    if within:
        edges = edges.round(12)  # 0.15 belongs to the bar from 0.15, not from 0.1
    counts, _ = np.histogram(values, edges)
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))
