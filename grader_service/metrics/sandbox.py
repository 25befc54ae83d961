"""The sandbox: which engine, warm or cold, waits and runs, what was killed, workers by state."""

from collections.abc import Callable, Mapping
from typing import Any, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from grader_service.errors import kinds
from grader_service.events import Engine, LossReason, SandboxOpened, SandboxRan, SandboxWorkerLost
from grader_service.metrics.buckets import SECONDS
from grader_service.sandbox.base import SandboxStatus
from grader_service.sandbox.pool import WORKER_STATES

ENGINES: tuple[str, ...] = get_args(Engine)
ENDS = ("value", "cancelled", *kinds())
LOSSES: tuple[str, ...] = get_args(LossReason)


class SandboxMetrics:
    """Of `SandboxRan` and `SandboxWorkerLost`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        runs = Counter(
            "grader_sandbox_runs",
            "Programs by how they ended: `value`, or the kind of the error.",
            ("end",),
            registry=registry,
        )
        self._runs = {end: runs.labels(end) for end in ENDS}
        start = Counter(
            "grader_sandbox_starts",
            "Programs by whether a worker for their source was ready.",
            ("start",),
            registry=registry,
        )
        self._starts = {True: start.labels("warm"), False: start.labels("cold")}
        self._queue = Histogram(
            "grader_sandbox_queue_seconds",
            "Wait for a worker.",
            buckets=SECONDS,
            registry=registry,
        )
        self._run = Histogram(
            "grader_sandbox_run_seconds",
            "Time of a program in its worker.",
            buckets=SECONDS,
            registry=registry,
        )
        lost = Counter(
            "grader_sandbox_workers_lost",
            "Workers thrown away before their time, by reason.",
            ("reason",),
            registry=registry,
        )
        self._lost = {reason: lost.labels(reason) for reason in LOSSES}
        self._make_gauges(registry)

    def _make_gauges(self, registry: CollectorRegistry) -> None:
        self._workers = Gauge(
            "grader_sandbox_workers",
            "Workers by state.",
            ("state",),
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._waiting = Gauge(
            "grader_sandbox_waiting",
            "Grades that wait for a worker.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._engine = Gauge(
            "grader_sandbox_engine",
            "1 for the engine that runs python graders.",
            ("engine",),
            multiprocess_mode="livemax",
            registry=registry,
        )

    def handlers(self) -> Mapping[Any, Callable[[Any], None]]:
        return {
            SandboxOpened: lambda _event: None,
            SandboxRan: self._ran,
            SandboxWorkerLost: lambda event: self._lost[event.reason].inc(),
        }

    def _ran(self, event: SandboxRan) -> None:
        self._runs[event.end].inc()
        self._starts[event.warm].inc()
        self._queue.observe(event.queue_seconds)
        self._run.observe(event.run_seconds)

    def show(self, status: SandboxStatus) -> None:
        """Engine and workers as they are now."""
        for engine in ENGINES:
            self._engine.labels(engine).set(status.engine == engine)
        self._waiting.set(status.waiting)
        for state in WORKER_STATES:
            self._workers.labels(state).set(status.workers.get(state, 0))
