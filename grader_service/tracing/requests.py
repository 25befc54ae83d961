"""A span around each request; the caller's `traceparent` is its parent."""

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grader_service.http.auth import OPEN_PATHS
from grader_service.http.caller import REQUEST_ID
from grader_service.http.json_route import ROUTE
from grader_service.tracing.spans import Spans


class TracedRequests:
    """Not of those that probes and scrapers send every few seconds."""

    def __init__(self, app: ASGIApp, spans: Spans) -> None:
        self._app = app
        self._spans = spans
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            return await self._app(scope, receive, send)
        status = 0

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = {"http.request.method": scope["method"]}
        with self._spans.opened("request", SpanKind.SERVER, self._parent(scope), method) as span:
            await self._app(scope, receive, send_and_see)
            span.update_name(f"{scope['method']} {scope.get(ROUTE, 'none')}")
            span.set_attribute("http.response.status_code", status)
            span.set_attribute("grader.request_id", scope[REQUEST_ID])
            if status >= 500:
                span.set_status(StatusCode.ERROR)
        return None

    def _parent(self, scope: Scope) -> Context:
        """Of what the caller sent alone, never of another request on this connection."""
        sent = [value for name, value in scope["headers"] if name == b"traceparent"]
        carrier = {"traceparent": sent[0].decode("latin-1")} if len(sent) == 1 else {}
        return self._propagator.extract(carrier, Context())
