"""A collector of traces on loopback: takes OTLP over HTTP, and keeps the spans."""

import contextlib
import gzip
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """One span as it came; ids in hex, `parent` is "" for a root, attributes by name as text."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    seconds: float
    attributes: dict[str, str]
    failed: bool


@dataclass
class Collector:
    """What has come in until now. `raw` is everything that was sent, as bytes."""

    address: str
    spans: list[Span] = field(default_factory=list)
    raw: bytes = b""
    resources: list[dict[str, str]] = field(default_factory=list)

    def take(self, content: bytes) -> None:
        self.raw += content
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
            self.resources.append(_attributes(resource.resource.attributes))
            for scope in resource.scope_spans:
                self.spans += map(_span, scope.spans)

    def tree(self) -> dict[str, list[str]]:
        """The names of the spans by the path of names that leads to them, and how often each is there."""
        by_id = {span.id: span for span in self.spans}
        paths: dict[str, list[str]] = {}
        for span in self.spans:
            names, above = [span.name], by_id.get(span.parent)
            while above is not None:
                names.append(above.name)
                above = by_id.get(above.parent)
            paths.setdefault(" > ".join(reversed(names)), []).append(span.id)
        return paths


def _span(span: Any) -> Span:
    return Span(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=span.kind,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        attributes=_attributes(span.attributes),
        failed=span.status.code == 2,
    )


def _attributes(pairs: Any) -> dict[str, str]:
    return {pair.key: str(pair.value).strip() for pair in pairs}


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """A running collector."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                content = gzip.decompress(content)
            if self.path == "/v1/traces":
                collector.take(content)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join(10)
