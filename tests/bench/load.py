"""A load generator in a process of its own: connections kept alive, bytes made beforehand, every answer checked."""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import uvloop

from tests.bench.connection import Connection


@dataclass(frozen=True)
class Load:
    """What to send where; `wanted` must be in every answer. `rate` is requests/s in all, 0 for as fast as it goes."""

    url: str
    body: str
    wanted: str
    connections: int = 16
    seconds: float = 3.0
    rate: float = 0.0


@dataclass(frozen=True)
class Figures:
    """Requests answered rightly and wrongly, per second, and milliseconds at the percentiles."""

    right: int
    wrong: int
    per_second: float
    p50: float
    p99: float
    worst: float


def run(load: Load) -> Figures:
    """Apply a load from another process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps(asdict(load)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Figures(**json.loads(done.stdout))


class _Client(Connection):
    """Sends, waits for the whole answer, sends again."""

    def __init__(self, request: bytes, wanted: bytes, end: float, pause: float) -> None:
        super().__init__()
        self._request = request
        self._wanted = wanted
        self._end = end
        self._pause = pause
        self._sent = self._due = 0.0
        self.right = self.wrong = 0
        self.seconds: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._due = time.perf_counter()
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        if self._sent >= self._end:
            self.transport.close()
            return
        self.transport.write(self._request)

    def answered(self, head: bytes, body: bytes) -> None:
        self._count(head, body)
        if not self._pause:
            self._send()
            return
        self._due += self._pause
        asyncio.get_running_loop().call_later(max(0.0, self._due - time.perf_counter()), self._send)

    def _count(self, head: bytes, body: bytes) -> None:
        self.seconds.append(time.perf_counter() - self._sent)
        if head.startswith(b"HTTP/1.1 200") and self._wanted in body:
            self.right += 1
        else:
            self.wrong += 1

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def _apply(load: Load) -> Figures:
    url = urlsplit(load.url)
    body = load.body.encode()
    request = (
        f"POST {url.path} HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body
    started = time.perf_counter()
    pause = load.connections / load.rate if load.rate else 0.0
    clients: list[_Client] = []

    def client() -> _Client:
        clients.append(_Client(request, load.wanted.encode(), started + load.seconds, pause))
        return clients[-1]

    for number in range(load.connections):
        await asyncio.get_running_loop().create_connection(client, url.hostname, url.port)
        if pause and number < load.connections - 1:
            await asyncio.sleep(pause / load.connections)
    await asyncio.gather(*(each.done for each in clients))
    elapsed = time.perf_counter() - started
    times = sorted(second for each in clients for second in each.seconds)
    right = sum(each.right for each in clients)
    wrong = sum(each.wrong for each in clients)
    return Figures(
        right=right,
        wrong=wrong,
        per_second=right / elapsed,
        p50=times[len(times) // 2] * 1000,
        p99=times[len(times) * 99 // 100] * 1000,
        worst=times[-1] * 1000,
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(uvloop.run(_apply(Load(**json.loads(sys.stdin.read())))))))
