"""Runs of the Evals API: how they ended, how many are worked on, what their rows came to."""

from collections.abc import Callable, Mapping
from typing import Any, get_args

from prometheus_client import CollectorRegistry, Counter

from grader_service.events import (
    Outcome,
    RowsGraded,
    RunEnd,
    RunEnded,
    RunStarted,
    StoreFailed,
    WebhookOutcome,
    WebhookSent,
)


class RunMetrics:
    """Of `RunStarted`, `RowsGraded`, `RunEnded`, `WebhookSent` and `StoreFailed`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._started = Counter(
            "grader_runs_started",
            "Runs that this server has begun to work on, or went on with.",
            registry=registry,
        )
        ended = Counter(
            "grader_runs_ended", "Runs by how they ended.", ("status",), registry=registry
        )
        rows = Counter(
            "grader_run_rows", "Graded rows of runs by outcome.", ("outcome",), registry=registry
        )
        self._failures = Counter(
            "grader_store_failures",
            "Times that the database could not be used by the work on runs.",
            registry=registry,
        )
        webhooks = Counter(
            "grader_webhooks",
            "Events sent to webhooks, each try one, by outcome.",
            ("outcome",),
            registry=registry,
        )
        self._webhooks = {outcome: webhooks.labels(outcome) for outcome in get_args(WebhookOutcome)}
        self._ended = {status: ended.labels(status) for status in get_args(RunEnd)}
        self._rows = {outcome: rows.labels(outcome) for outcome in get_args(Outcome)}

    def handlers(self) -> Mapping[Any, Callable[[Any], None]]:
        return {
            RunStarted: lambda _: self._started.inc(),
            RowsGraded: self._graded,
            RunEnded: lambda event: self._ended[event.status].inc(),
            WebhookSent: lambda event: self._webhooks[event.outcome].inc(),
            StoreFailed: lambda _: self._failures.inc(),
        }

    def _graded(self, event: RowsGraded) -> None:
        for outcome, count in event.outcomes.items():
            self._rows[outcome].inc(count)
