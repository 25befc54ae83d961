"""What a load generator has written down, and what follows from it."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.load.outcome import OUTCOMES, Outcome


class Record(NamedTuple):
    """One request; times are seconds of the machine's monotonic clock, which all processes share."""

    number: int
    kind: str
    planned: float
    sent: float
    done: float
    outcome: Outcome
    status: int

    @property
    def milliseconds(self) -> float:
        """From the planned time: what a caller on a schedule waits for."""
        return (self.done - self.planned) * 1000


@dataclass(frozen=True)
class Records:
    """All requests of a load; `extra` counts answers that nobody had asked for."""

    all: list[Record]
    extra: int = 0

    @staticmethod
    def together(*parts: "Records") -> "Records":
        return Records([each for part in parts for each in part.all], sum(p.extra for p in parts))

    def where(self, holds: Callable[[Record], bool]) -> "Records":
        return Records([record for record in self.all if holds(record)], self.extra)

    def count(self, *outcomes: Outcome) -> int:
        return sum(record.outcome in outcomes for record in self.all)

    def only(self, *outcomes: Outcome) -> bool:
        """Whether every request has one answer, of these kinds."""
        return not self.extra and self.count(*outcomes) == len(self.all)

    def percentile(self, share: float, outcome: Outcome = "right") -> float:
        """Milliseconds; 0 where no request had this outcome."""
        times = sorted(record.milliseconds for record in self.all if record.outcome == outcome)
        return times[min(len(times) - 1, int(len(times) * share))] if times else 0.0

    def per_second(self, outcome: Outcome = "right") -> float:
        """Answers of this kind over the time from the first planned request to the last answer."""
        if not self.all:
            return 0.0
        seconds = max(each.done for each in self.all) - min(each.planned for each in self.all)
        return self.count(outcome) / seconds

    def lag(self) -> float:
        """Milliseconds that the generator itself was late, at most."""
        return max((each.sent - each.planned) * 1000 for each in self.all)

    def row(self, name: str) -> dict[str, Any]:
        """Counts, and milliseconds of those that were graded."""
        counted = Counter(record.outcome for record in self.all)
        return {
            "": name,
            "sent": len(self.all),
            **{outcome: counted[outcome] for outcome in OUTCOMES},
            "extra": self.extra,
            "p50 ms": round(self.percentile(0.5), 1),
            "p99 ms": round(self.percentile(0.99), 1),
            "worst ms": round(self.percentile(1), 1),
        }

    def rows(self) -> Iterable[dict[str, Any]]:
        """A row for each kind, and one for all."""
        kinds = sorted({record.kind for record in self.all})
        for kind in kinds:
            yield self.where(lambda record, kind=kind: record.kind == kind).row(kind)
        if len(kinds) > 1:
            yield self.row("all")
