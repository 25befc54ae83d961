"""A program of a user that takes webhooks: it remembers what came and answers what a test has scripted."""

import contextlib
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Sent:
    """One request as it came in."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Hook:
    """One address; `statuses` are its answers in their order, 200 when they are used up."""

    url: str
    statuses: list[int]
    received: list[Sent] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def take(self, sent: Sent) -> int:
        with self._news:
            self.received.append(sent)
            self._news.notify_all()
            return self.statuses.pop(0) if self.statuses else 200

    def wait(self, count: int, seconds: float = 60) -> list[Sent]:
        """All that has come, once it is so many."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.received) >= count, seconds), self.received
            return list(self.received)


@dataclass
class Receiver:
    """`address` is `http://127.0.0.1:PORT`; each test takes a hook of its own."""

    address: str
    hooks: dict[str, Hook] = field(default_factory=dict)

    def hook(self, *statuses: int) -> Hook:
        path = f"/{uuid.uuid4()}"
        self.hooks[path] = Hook(self.address + path, list(statuses))
        return self.hooks[path]


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.hooks[self.path].take(Sent(headers, body)))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
