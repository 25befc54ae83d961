"""How alike two graders order the same samples.

By numpy alone: where scipy is installed nltk imports it, and every server and command would start
with its 60 MB.
"""

import numpy as np

from grader_service.report.grades import Floats


def spearman(left: Floats, right: Floats) -> float | None:
    """Correlation of the ranks, equal rewards sharing theirs; None where one grader's rewards are all equal."""
    if len(left) < 2 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return None
    return float(np.corrcoef(_ranks(left), _ranks(right))[0, 1])


def _ranks(values: Floats) -> Floats:
    """From 1; equal values get the mean of the ranks that they take together."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: Floats = ends - (counts - 1) / 2
    ranks: Floats = means[places]
    return ranks
