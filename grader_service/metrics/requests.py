"""HTTP: how many, how they ended, how long they took."""

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from grader_service.events import Answered, KeysLoaded
from grader_service.metrics.buckets import SECONDS

ROUTES = (
    "openai_run",
    "openai_validate",
    "graders_batch",
    "catalogue_score",
    "catalogue_list",
    "catalogue_show",
    "healthz",
    "readyz",
    "metrics",
    "evals_create",
    "evals_list",
    "evals_show",
    "evals_update",
    "evals_delete",
    "runs_create",
    "runs_list",
    "runs_show",
    "runs_cancel",
    "runs_cancel_short",
    "runs_delete",
    "items_list",
    "items_show",
    "files_create",
    "files_list",
    "files_show",
    "files_delete",
    "files_content",
    "webhooks_create",
    "webhooks_list",
    "webhooks_show",
    "webhooks_update",
    "webhooks_delete",
    "webhooks_rotate_secret",
    "webhooks_test",
    "webhooks_event_types",
    "none",
)
STATUSES = (200, 201, 400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 503)


class RequestMetrics:
    """Of `Answered` and `KeysLoaded`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        count = Counter(
            "grader_requests",
            "HTTP requests by route and status.",
            ("route", "status"),
            registry=registry,
        )
        seconds = Histogram(
            "grader_request_seconds",
            "Time from headers to answer.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge(
            "grader_in_flight",
            "POST requests being answered.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._faults = Gauge(
            "grader_api_keys_faults",
            "1 while the file of API keys is not taken in its newest form.",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._count = {
            (route, status): count.labels(route, str(status))
            for route in ROUTES
            for status in STATUSES
        }
        self._seconds = {route: seconds.labels(route) for route in ROUTES}

    def handlers(self) -> Mapping[Any, Callable[[Any], None]]:
        return {
            Answered: self._answered,
            KeysLoaded: lambda event: self._faults.set(len(event.faults)),
        }

    def _answered(self, event: Answered) -> None:
        self._count[event.route, event.status].inc()
        self._seconds[event.route].observe(event.seconds)

    def show_in_flight(self, number: int) -> None:
        self._in_flight.set(number)
