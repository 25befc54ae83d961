"""What many grades come to: counts, means, and why there was no reward."""

from collections import Counter
from collections.abc import Iterable

from typing_extensions import TypedDict

from grader_service.events import State


class Summary(TypedDict):
    """`mean` is over rewards with state "value" and None without any; `mean_with_invalid` is what a
    trainer sees: invalid samples count with what the grader gives for them, failed ones do not.

    `refused` rows could not be read, and are no part of `graded`. `causes` counts samples by kind,
    a sample once for each kind.
    """

    graded: int
    value: int
    invalid: int
    failed: int
    refused: int
    mean: float | None
    mean_with_invalid: float | None
    causes: dict[str, int]


class Tally:
    """Counts as it goes."""

    def __init__(self) -> None:
        self._counts: dict[State, int] = {"value": 0, "invalid": 0, "failed": 0}
        self._sums: dict[State, float] = {"value": 0.0, "invalid": 0.0, "failed": 0.0}
        self._causes: Counter[str] = Counter()
        self._refused = 0

    def add(self, state: State, reward: float, kinds: Iterable[str] = ()) -> None:
        """One graded sample."""
        self._counts[state] += 1
        self._sums[state] += reward
        if state != "value":
            self._causes.update(set(kinds))

    def refuse(self) -> None:
        """One row that could not be read."""
        self._refused += 1

    @property
    def graded(self) -> int:
        return sum(self._counts.values())

    @property
    def mean(self) -> float | None:
        return _mean(self._sums["value"], self._counts["value"])

    def summary(self) -> Summary:
        counts, sums = self._counts, self._sums
        return {
            "graded": self.graded,
            "value": counts["value"],
            "invalid": counts["invalid"],
            "failed": counts["failed"],
            "refused": self._refused,
            "mean": self.mean,
            "mean_with_invalid": _mean(
                sums["value"] + sums["invalid"], counts["value"] + counts["invalid"]
            ),
            "causes": dict(self._causes.most_common()),
        }


def _mean(total: float, count: int) -> float | None:
    return total / count if count else None
