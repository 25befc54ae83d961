"""Traces to a collector, over OTLP and HTTP. Only this package imports OpenTelemetry, and only where it is wanted."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from grader_service import __version__
from grader_service.events import Observe
from grader_service.graders.context import Engines
from grader_service.tracing.calls import TracedEndpoints, TracedJudge, TracedSandbox
from grader_service.tracing.requests import TracedRequests
from grader_service.tracing.spans import Spans

EXPORT_SECONDS = 5.0
"""How long one batch is tried, so that a collector which is away does not hold the server's end."""


class OpenTelemetry:
    """Implements `Tracing`. Sampling, batches and the exporter's headers are the SDK's own `OTEL_…` variables."""

    def __init__(self, endpoint: str, log: FilteringBoundLogger) -> None:
        self._provider = TracerProvider(
            resource=Resource.create(
                {SERVICE_NAME: "grader-service", SERVICE_VERSION: __version__}
            ),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint.rstrip("/") + "/v1/traces", timeout=EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._spans = Spans(self._provider.get_tracer("grader_service", __version__))
        self._complaints = _Complaints(log)

    @property
    def listeners(self) -> tuple[Observe, ...]:
        return (self._spans.observe,)

    def traced(self, engines: Engines) -> Engines:
        return replace(
            engines,
            sandbox=TracedSandbox(engines.sandbox, self._spans),
            judge=TracedJudge(engines.judge, self._spans),
            endpoints=TracedEndpoints(engines.endpoints, self._spans),
            trace=self._spans,
        )

    def around(self, app: ASGIApp) -> ASGIApp:
        return TracedRequests(app, self._spans)

    @asynccontextmanager
    async def lived(self) -> AsyncIterator[None]:
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(self._complaints)
        try:
            yield
            await anyio.to_thread.run_sync(self._provider.shutdown)  # sends what is left
        finally:
            logger.removeHandler(self._complaints)


class _Complaints(logging.Handler):
    """What the SDK has to say, such as a collector that does not answer, as lines of our log."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.warning("traces", said=record.getMessage()[:300])
