"""Rank correlations, by scipy; undefined ones are None."""

import math

import numpy as np
from scipy import stats

from grader_service.report.grades import Floats


def spearman(left: Floats, right: Floats) -> float | None:
    if not _both_change(left, right):
        return None
    return _defined(stats.spearmanr(left, right).statistic)


def kendall(left: Floats, right: Floats) -> float | None:
    """Tau-b, which allows for ties."""
    if not _both_change(left, right):
        return None
    return _defined(stats.kendalltau(left, right).statistic)


def _both_change(left: Floats, right: Floats) -> bool:
    return len(left) > 1 and bool(np.ptp(left) > 0) and bool(np.ptp(right) > 0)


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
