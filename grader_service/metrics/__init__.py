"""Prometheus metrics: the one place that knows its library. Every label has a closed set of values, made at start."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from grader_service.events import Event
from grader_service.metrics import shared
from grader_service.metrics.grades import GradeMetrics
from grader_service.metrics.judge import JudgeMetrics
from grader_service.metrics.requests import RequestMetrics
from grader_service.metrics.runs import RunMetrics
from grader_service.metrics.sandbox import SandboxMetrics
from grader_service.metrics.shared import OwnProcess, Place
from grader_service.sandbox.base import SandboxStatus

CONTENT_TYPE = CONTENT_TYPE_LATEST
LOOK_SECONDS = 0.5


class Metrics:
    """A registry of its own, so that two apps in one process count apart. `observe` is the hook for events.

    With a `place` the numbers are kept there, and every answer has the sums over all processes of the server.
    """

    def __init__(self, place: Place | None = None) -> None:
        shared.choose(place)
        self.registry: CollectorRegistry = CollectorRegistry()
        self._place = place
        self._looks: list[Callable[[], None]] = []
        if place is None:
            for collector in (ProcessCollector, PlatformCollector, GCCollector):
                collector(registry=self.registry)
        else:
            self._looks.append(OwnProcess(self.registry).look)
        self._requests = RequestMetrics(self.registry)
        self._sandbox = SandboxMetrics(self.registry)
        self._handlers: dict[type[Event], Callable[[Event], None]] = {}
        grades = GradeMetrics(self.registry)
        self._looks.append(grades.flush)
        for part in (
            self._requests,
            grades,
            self._sandbox,
            JudgeMetrics(self.registry),
            RunMetrics(self.registry),
        ):
            self._handlers.update(part.handlers())

    def observe(self, event: Event) -> None:
        """Count one event."""
        self._handlers[type(event)](event)

    def watch_in_flight(self, in_flight: Callable[[], int]) -> None:
        """Read the number where it lives, when somebody asks."""
        self._looks.append(lambda: self._requests.show_in_flight(in_flight()))

    def watch_sandbox(self, status: Callable[[], SandboxStatus]) -> None:
        """Read the engine's state when somebody asks."""
        self._looks.append(lambda: self._sandbox.show(status()))

    def exposition(self) -> bytes:
        """Prometheus text format."""
        self._look()
        return (
            generate_latest(self.registry)
            if self._place is None
            else shared.exposition(self._place)
        )

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Keep what other processes show of this one up to date: they cannot ask it."""
        if self._place is None:
            yield
            return
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep_looking)
            yield
            tasks.cancel_scope.cancel()

    async def _keep_looking(self) -> None:
        while True:
            self._look()
            await anyio.sleep(LOOK_SECONDS)

    def _look(self) -> None:
        for look in self._looks:
            look()
