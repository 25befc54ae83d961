"""Grades: outcomes, causes, times and rewards, by grader type and by catalogue name."""

from collections import Counter as Counts
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from grader_service.errors import kinds
from grader_service.events import BatchGraded, CatalogueLoaded, Graded, State
from grader_service.graders import GRADER_TYPES
from grader_service.metrics.buckets import REWARDS, SECONDS, counted, observe_many

STATES: tuple[State, ...] = get_args(State)
SIGNS = ("positive", "negative")
"""A histogram that takes negative values has no sum in Prometheus, and a mean needs one."""


TOGETHER = 512
"""So many grades of batches are counted at once."""


class _Distribution:
    """Grades, times and rewards by one label: the grader's type, or its name in the catalogue."""

    def __init__(self, registry: CollectorRegistry, prefix: str, label: str, by: str) -> None:
        self._grades = Counter(
            f"{prefix}_grades", f"Grades by {by} and outcome.", (label, "state"), registry=registry
        )
        self._seconds = Histogram(
            f"{prefix}_grade_seconds",
            f"Time of one grade by {by}.",
            (label,),
            buckets=SECONDS,
            registry=registry,
        )
        self._rewards = Histogram(
            f"{prefix}_reward",
            f"Rewards of valid grades by {by}, without the parts of multis.",
            (label,),
            buckets=REWARDS,
            registry=registry,
        )
        self._sums = Counter(
            f"{prefix}_reward_magnitude",
            f"Sum of the rewards' magnitudes by {by} and sign; (positive - negative) / count is the mean.",
            (label, "sign"),
            registry=registry,
        )
        self._series: dict[str, tuple[dict[str, Counter], Histogram, Histogram, list[Counter]]] = {}

    def add(self, value: str) -> None:
        """Make a label value's series, so that a rate is right from the first event on."""
        self._series[value] = (
            {state: self._grades.labels(value, state) for state in STATES},
            self._seconds.labels(value),
            self._rewards.labels(value),
            [self._sums.labels(value, sign) for sign in SIGNS],
        )

    def count_many(self, value: str, events: Sequence[Graded]) -> None:
        """As `count` of each, at a fifth of the price."""
        grades, seconds, rewards, sums = self._series[value]
        for state, number in Counts(event.state for event in events).items():
            grades[state].inc(number)
        observe_many(seconds, [event.seconds for event in events])
        valid = [
            counted(event.reward) for event in events if event.state == "value" and not event.part
        ]
        observe_many(rewards, valid)
        sums[0].inc(sum(reward for reward in valid if reward >= 0))
        sums[1].inc(-sum(reward for reward in valid if reward < 0))

    def count(self, value: str, event: Graded) -> None:
        grades, seconds, rewards, sums = self._series[value]
        grades[event.state].inc()
        seconds.observe(event.seconds)
        if event.state == "value" and not event.part:
            reward = counted(event.reward)
            rewards.observe(reward)
            sums[reward < 0].inc(abs(reward))


class GradeMetrics:
    """Of `Graded` and `CatalogueLoaded`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._by_type = _Distribution(registry, "grader", "type", "grader type")
        for name in GRADER_TYPES:
            self._by_type.add(name)
        self._by_name = _Distribution(registry, "grader_catalogue", "grader", "catalogue name")
        causes = Counter(
            "grader_causes",
            "Why grades had no reward, without the parts of multis.",
            ("kind",),
            registry=registry,
        )
        self._causes = {kind: causes.labels(kind) for kind in kinds()}
        self._size = Gauge(
            "grader_catalogue_graders",
            "Graders that the catalogue serves.",
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self._faults = Gauge(
            "grader_catalogue_faults",
            "Catalogue files that are not served in their newest form.",
            multiprocess_mode="livemax",
            registry=registry,
        )

        self._waiting: list[Graded] = []

    def handlers(self) -> Mapping[Any, Callable[[Any], None]]:
        return {
            Graded: self._graded,
            BatchGraded: lambda _event: self.flush(),
            CatalogueLoaded: self._loaded,
        }

    def flush(self) -> None:
        """Count the grades of batches that wait to be counted together."""
        waiting, self._waiting = self._waiting, []
        by_type: dict[str, list[Graded]] = {}
        by_name: dict[str, list[Graded]] = {}
        for event in waiting:
            by_type.setdefault(event.grader_type, []).append(event)
            if event.part:
                continue
            for kind in event.kinds:
                self._causes[kind].inc()
            if event.catalogue is not None:
                by_name.setdefault(event.catalogue, []).append(event)
        for name, events in by_type.items():
            self._by_type.count_many(name, events)
        for name, events in by_name.items():
            self._by_name.count_many(name, events)

    def _graded(self, event: Graded) -> None:
        if event.of_batch:
            self._waiting.append(event)
            if len(self._waiting) >= TOGETHER:
                self.flush()
            return
        self._by_type.count(event.grader_type, event)
        if event.part:
            return
        for kind in event.kinds:
            self._causes[kind].inc()
        if event.catalogue is not None:
            self._by_name.count(event.catalogue, event)

    def _loaded(self, event: CatalogueLoaded) -> None:
        for name in event.names:
            self._by_name.add(name)
        self._size.set(len(event.names))
        self._faults.set(len(event.faults))
