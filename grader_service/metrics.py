"""Prometheus metrics: the one place that knows its library. Every label has a closed set of values, made at start."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import get_args

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from grader_service.errors import kinds
from grader_service.events import Answered, CatalogueLoaded, Event, Graded, State
from grader_service.graders import GRADER_TYPES
from grader_service.sandbox.base import SandboxStatus

CONTENT_TYPE = CONTENT_TYPE_LATEST

SECONDS = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    120,
    300,
)
REWARDS = (-1, -0.5, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1, 2, 3, 4, 5, 10)
"""Bucket borders: most rewards lie in 0 to 1, some graders give 0 to 5 or -1 (grader-api §4.3)."""

ROUTES = (
    "openai_run",
    "openai_validate",
    "catalogue_score",
    "catalogue_list",
    "catalogue_show",
    "healthz",
    "readyz",
    "metrics",
    "none",
)
STATUSES = (200, 400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 503)
STATES: tuple[State, ...] = get_args(State)
SIGNS = ("positive", "negative")
"""A histogram that takes negative values has no sum in Prometheus, and a mean needs one."""
ENGINES = ("docker", "bubblewrap", "off")


class Metrics:
    """A registry of its own, so that two apps in one process count apart. `observe` is the hook for events."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._requests = self._counter(
            "grader_requests", "HTTP requests by route and status.", ("route", "status")
        )
        self._request_seconds = self._histogram(
            "grader_request_seconds", "Time from headers to answer.", ("route",), SECONDS
        )
        self._grades = self._counter(
            "grader_grades",
            "Grades by grader type and outcome; parts of a multi count as well.",
            ("type", "state"),
        )
        self._grade_seconds = self._histogram(
            "grader_grade_seconds", "Time of one grade.", ("type",), SECONDS
        )
        self._rewards = self._histogram(
            "grader_reward",
            "Rewards of valid grades, without the parts of multis.",
            ("type",),
            REWARDS,
        )
        self._reward_sums = self._counter(
            "grader_reward_magnitude",
            "Sum of the rewards' magnitudes by sign; (positive - negative) / count is the mean.",
            ("type", "sign"),
        )
        self._causes = self._counter(
            "grader_causes", "Why grades had no reward, without the parts of multis.", ("kind",)
        )
        self._catalogue_grades = self._counter(
            "grader_catalogue_grades", "Grades by catalogue name and outcome.", ("grader", "state")
        )
        self._catalogue_seconds = self._histogram(
            "grader_catalogue_grade_seconds",
            "Time of one grade by catalogue name.",
            ("grader",),
            SECONDS,
        )
        self._catalogue_rewards = self._histogram(
            "grader_catalogue_reward",
            "Rewards of valid grades by catalogue name.",
            ("grader",),
            REWARDS,
        )
        self._catalogue_sums = self._counter(
            "grader_catalogue_reward_magnitude",
            "Sum of the rewards' magnitudes by catalogue name and sign.",
            ("grader", "sign"),
        )
        self._catalogue_size = self._gauge(
            "grader_catalogue_graders", "Graders that the catalogue serves."
        )
        self._catalogue_faults = self._gauge(
            "grader_catalogue_faults", "Catalogue files that are not served in their newest form."
        )
        self._in_flight = self._gauge("grader_in_flight", "POST requests being answered.")
        self._engine = Gauge(
            "grader_sandbox_engine",
            "1 for the engine that runs python graders.",
            ("engine",),
            registry=self.registry,
        )
        self._close_label_sets()

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def _histogram(
        self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]
    ) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def _close_label_sets(self) -> None:
        """Create every series, so that a rate is right from the first event on; look-ups later are a dict's."""
        self._request = {
            (route, status): self._requests.labels(route, str(status))
            for route in ROUTES
            for status in STATUSES
        }
        self._request_time = {route: self._request_seconds.labels(route) for route in ROUTES}
        self._grade = {
            (kind, state): self._grades.labels(kind, state)
            for kind in GRADER_TYPES
            for state in STATES
        }
        self._grade_time = {kind: self._grade_seconds.labels(kind) for kind in GRADER_TYPES}
        self._reward = {kind: self._rewards.labels(kind) for kind in GRADER_TYPES}
        self._reward_sum = {
            (kind, sign): self._reward_sums.labels(kind, sign)
            for kind in GRADER_TYPES
            for sign in SIGNS
        }
        self._cause = {kind: self._causes.labels(kind) for kind in kinds()}

    def observe(self, event: Event) -> None:
        if isinstance(event, Answered):
            self._answered(event)
        elif isinstance(event, Graded):
            self._graded(event)
        elif isinstance(event, CatalogueLoaded):
            self._loaded(event.names, len(event.faults))

    def _answered(self, event: Answered) -> None:
        self._request[event.route, event.status].inc()
        self._request_time[event.route].observe(event.seconds)

    def _graded(self, event: Graded) -> None:
        self._grade[event.grader_type, event.state].inc()
        self._grade_time[event.grader_type].observe(event.seconds)
        if event.part:
            return
        for kind in event.kinds:
            self._cause[kind].inc()
        if event.state == "value":
            self._reward[event.grader_type].observe(event.reward)
            self._reward_sum[event.grader_type, _sign(event.reward)].inc(abs(event.reward))
        if event.catalogue is not None:
            self._catalogue_grades.labels(event.catalogue, event.state).inc()
            self._catalogue_seconds.labels(event.catalogue).observe(event.seconds)
            if event.state == "value":
                self._catalogue_rewards.labels(event.catalogue).observe(event.reward)
                sums = self._catalogue_sums.labels(event.catalogue, _sign(event.reward))
                sums.inc(abs(event.reward))

    def _loaded(self, names: Iterable[str], faults: int) -> None:
        count = 0
        for name in names:
            count += 1
            for state in STATES:
                self._catalogue_grades.labels(name, state)
            self._catalogue_seconds.labels(name)
            self._catalogue_rewards.labels(name)
            for sign in SIGNS:
                self._catalogue_sums.labels(name, sign)
        self._catalogue_size.set(count)
        self._catalogue_faults.set(faults)

    def watch_in_flight(self, in_flight: Callable[[], int]) -> None:
        """Read the gauge where the number lives, when somebody asks."""
        self._in_flight.set_function(in_flight)

    def watch_sandbox(self, status: Callable[[], SandboxStatus]) -> None:
        for engine in ENGINES:
            self._engine.labels(engine).set_function(partial(_is_engine, status, engine))

    def exposition(self) -> bytes:
        """Prometheus text format."""
        return generate_latest(self.registry)


def _is_engine(status: Callable[[], SandboxStatus], engine: str) -> float:
    return float(status().engine == engine)


def _sign(reward: float) -> str:
    return SIGNS[reward < 0]
