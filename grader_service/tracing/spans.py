"""Spans of OpenTelemetry: around work as it is done, and after the fact for what an event tells."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from grader_service.events import Event, Graded, JudgeAnswered, SandboxRan
from grader_service.trace import TRACEPARENT

Attributes = Mapping[str, str | bool | int | float | tuple[str, ...]]


class Spans:
    """Implements `Trace`, and listens to events: each is emitted inside the span of the work that it is about."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def span(self, name: str, **attributes: str) -> Iterator[Span]:
        with self.opened(name, SpanKind.INTERNAL, None, attributes) as span:
            yield span

    @contextmanager
    def opened(
        self, name: str, kind: SpanKind, parent: Context | None, attributes: Attributes
    ) -> Iterator[Span]:
        """No exception is recorded: its message may quote a sample."""
        span = self._tracer.start_span(name, parent, kind, attributes)
        mark = TRACEPARENT.set(_traceparent(span))
        try:
            with otel.use_span(
                span, end_on_exit=True, record_exception=False, set_status_on_exception=False
            ):
                yield span
        finally:
            TRACEPARENT.reset(mark)

    def observe(self, event: Event) -> None:
        if isinstance(event, Graded):
            _describe_grade(otel.get_current_span(), event)
        elif isinstance(event, SandboxRan):
            self._sandbox_ran(event)
        elif isinstance(event, JudgeAnswered):
            self._judge_answered(event)

    def _sandbox_ran(self, event: SandboxRan) -> None:
        attributes: Attributes = {"sandbox.engine": event.engine, "sandbox.warm": event.warm}
        now = time.time_ns()
        started = now - _nanoseconds(event.run_seconds)
        queued = started - _nanoseconds(event.queue_seconds)
        self._past("sandbox.queue", SpanKind.INTERNAL, (queued, started), attributes)
        if event.run_seconds:
            ended: Attributes = {**attributes, "sandbox.end": event.end}
            self._past("sandbox.run", SpanKind.INTERNAL, (started, now), ended)

    def _judge_answered(self, event: JudgeAnswered) -> None:
        attributes: Attributes = {
            "judge.upstream": event.upstream,
            "judge.model": event.model,
            "judge.outcome": event.outcome,
            "judge.prompt_tokens": event.usage.prompt_tokens,
            "judge.completion_tokens": event.usage.completion_tokens,
        }
        now = time.time_ns()
        times = (now - _nanoseconds(event.seconds), now)
        self._past("judge.call", SpanKind.CLIENT, times, attributes)

    def _past(
        self, name: str, kind: SpanKind, times: tuple[int, int], attributes: Attributes
    ) -> None:
        """A span that is over; `times` are Unix nanoseconds."""
        start, end = times
        self._tracer.start_span(name, None, kind, attributes, start_time=start).end(end)


def _describe_grade(span: Span, event: Graded) -> None:
    span.set_attributes(
        {"grade.state": event.state, "grade.kinds": event.kinds, "grade.reward": event.reward}
    )
    if event.catalogue is not None:
        span.set_attribute("grader.catalogue", event.catalogue)
    if event.state == "failed":
        span.set_status(StatusCode.ERROR)


def _traceparent(span: Span) -> str:
    """The header of the W3C's Trace Context, version 00."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
