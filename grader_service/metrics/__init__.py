"""Prometheus metrics: the one place that knows its library. Every label has a closed set of values, made at start."""

from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from grader_service.events import Event
from grader_service.metrics.grades import GradeMetrics
from grader_service.metrics.judge import JudgeMetrics
from grader_service.metrics.requests import RequestMetrics
from grader_service.metrics.sandbox import SandboxMetrics
from grader_service.sandbox.base import SandboxStatus

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """A registry of its own, so that two apps in one process count apart. `observe` is the hook for events."""

    def __init__(self) -> None:
        self.registry: CollectorRegistry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._requests = RequestMetrics(self.registry)
        self._sandbox = SandboxMetrics(self.registry)
        self._handlers: dict[type[Event], Callable[[Event], None]] = {}
        for part in (
            self._requests,
            GradeMetrics(self.registry),
            self._sandbox,
            JudgeMetrics(self.registry),
        ):
            self._handlers.update(part.handlers())

    def observe(self, event: Event) -> None:
        """Count one event."""
        self._handlers[type(event)](event)

    def watch_in_flight(self, in_flight: Callable[[], int]) -> None:
        """Read the gauge where the number lives, when somebody asks."""
        self._requests.watch_in_flight(in_flight)

    def watch_sandbox(self, status: Callable[[], SandboxStatus]) -> None:
        """Read the engine's state when somebody asks."""
        self._sandbox.watch(status)

    def exposition(self) -> bytes:
        """Prometheus text format."""
        return generate_latest(self.registry)
