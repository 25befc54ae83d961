"""Bucket borders, in seconds and in rewards, and many observations at once."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from prometheus_client import Histogram

SECONDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    *(0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
REWARDS = (-1, -0.5, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1, 2, 3, 4, 5, 10)
"""Most rewards lie in 0 to 1; some graders give 0 to 5, or -1 (grader-api §4.3)."""

LARGEST_REWARD = 1e6
"""A larger one, of either sign, counts as this: one of 10^308 would be all that a sum ever shows again."""


def counted(reward: float) -> float:
    return max(-LARGEST_REWARD, min(reward, LARGEST_REWARD))


def observe_many(histogram: Histogram, amounts: Sequence[float]) -> None:
    """What `observe` does with each; its library has no such door, and one lock for each is most of its time."""
    bounds = histogram._upper_bounds  # noqa: SLF001
    for place, number in Counter(bisect_left(bounds, amount) for amount in amounts).items():
        histogram._buckets[place].inc(number)  # noqa: SLF001
    histogram._sum.inc(sum(amounts))  # noqa: SLF001
