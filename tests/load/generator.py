"""Sends requests from a process of its own and writes down what became of each.

With a rate the schedule is open: a request is sent when its time has come, whatever became of those before it, and
its latency counts from that planned time. Without, each connection sends as soon as it has its answer.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import count
from urllib.parse import urlsplit

import orjson
import uvloop

from tests.bench.connection import Connection
from tests.load.kinds import KINDS
from tests.load.outcome import Outcome, outcome_of
from tests.load.records import Record, Records


@dataclass(frozen=True)
class Plan:
    """What to send: `shares` of the kinds, `rate` requests/s (0: as fast as `connections` go), for so many
    seconds or, where `most` is given, so many requests. `first` is the first number."""

    address: str
    shares: dict[str, float]
    rate: float = 0.0
    seconds: float = 10.0
    most: int = 0
    connections: int = 16
    first: int = 0
    timeout_seconds: float = 60.0
    seed: int = field(default=1)

    def numbered(self) -> Iterator[tuple[int, str]]:
        """Numbers and kinds, the same for the same seed."""
        choose = random.Random(self.seed)
        kinds, shares = list(self.shares), list(self.shares.values())
        for number in count(self.first):
            yield number, choose.choices(kinds, shares)[0]


class Sending:
    """A load that is being sent; `finish` waits for its end."""

    def __init__(self, plan: Plan) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.load.generator", json.dumps(asdict(plan))],
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it sends

    def finish(self) -> Records:
        output, _ = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError("the load generator failed")
        found = orjson.loads(output)
        return Records([Record(*each) for each in found["records"]], found["extra"])


def send(plan: Plan) -> Records:
    """Apply a whole load."""
    return Sending(plan).finish()


class _Client(Connection):
    """A connection that has at most one request under way."""

    def __init__(self, generator: "_Generator") -> None:
        super().__init__()
        self._generator = generator
        self._asked: _Asked | None = None

    def ask(self, asked: "_Asked") -> None:
        self._asked = asked
        asked.sent = time.monotonic()
        asked.timeout = asyncio.get_running_loop().call_later(
            self._generator.plan.timeout_seconds, self.transport.abort
        )
        self.transport.write(asked.request)

    def answered(self, head: bytes, body: bytes) -> None:
        asked, self._asked = self._asked, None
        if asked is None:
            self._generator.extra += 1
            return
        self._generator.end(asked, *outcome_of(head, body, asked.wanted, asked.request_id))
        if b"\r\nconnection: close" in head.lower():
            self.transport.close()
        else:
            self._generator.free(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._generator.gone(self)
        asked, self._asked = self._asked, None
        if asked is not None:
            self._generator.end(asked, "lost", 0)


class _Asked:
    """One request and its life."""

    timeout: asyncio.TimerHandle | None = None
    sent = 0.0

    def __init__(self, host: str, number: int, kind: str, planned: float) -> None:
        path, content = KINDS[kind].request(kind, number)
        body = orjson.dumps(content)
        self.number, self.kind, self.planned = number, kind, planned
        self.wanted = KINDS[kind].reward(number)
        self.request_id = b"load-%d" % number
        self.request = (
            f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
            f"x-request-id: load-{number}\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body


class _Generator:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.extra = 0
        self.records: list[Record] = []
        self._url = urlsplit(plan.address)
        self._idle: list[_Client] = []
        self._open: set[_Client] = set()
        self._under_way = 0
        self._begun = 0
        self._numbered = plan.numbered()
        self._start = time.monotonic()
        self._done = asyncio.Event()
        self._connecting: set[asyncio.Task[None]] = set()

    def end(self, asked: _Asked, outcome: Outcome, status: int) -> None:
        if asked.timeout is not None:
            asked.timeout.cancel()
        now = time.monotonic()
        self.records.append(
            Record(asked.number, asked.kind, asked.planned, asked.sent, now, outcome, status)
        )
        self._under_way -= 1
        if not self.plan.rate:
            self._again(now)
        self._done.set()

    def free(self, client: _Client) -> None:
        self._idle.append(client)

    def gone(self, client: _Client) -> None:
        self._open.discard(client)
        if client in self._idle:
            self._idle.remove(client)

    async def run(self) -> None:
        for _ in range(self.plan.connections):
            await self._connect()
        print("sending", flush=True)
        self._start = time.monotonic()
        if self.plan.rate:
            await self._keep_to_the_schedule()
        else:
            for _ in range(self.plan.connections):
                self._again(time.monotonic())
        while self._under_way or len(self.records) < self._begun:
            self._done.clear()
            await self._done.wait()
        for client in self._open:
            client.transport.close()

    async def _keep_to_the_schedule(self) -> None:
        total = self.plan.most or int(self.plan.rate * self.plan.seconds)
        for index in range(total):
            due = self._start + index / self.plan.rate
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            elif index % 16 == 0:
                await asyncio.sleep(0)  # answers are read also where the schedule is behind
            self._next(due)

    def _again(self, now: float) -> None:
        """One more, as soon as whoever calls this is done, unless there were enough."""
        is_over = (
            self._begun >= self.plan.most
            if self.plan.most
            else now >= self._start + self.plan.seconds
        )
        if not is_over:
            self._begun += 1
            asyncio.get_running_loop().call_soon(self._next, now)

    def _next(self, planned: float) -> None:
        number, kind = next(self._numbered)
        asked = _Asked(self._url.netloc, number, kind, planned)
        self._under_way += 1
        while self._idle:
            client = self._idle.pop()
            if not client.transport.is_closing():
                client.ask(asked)
                return
        task = asyncio.get_running_loop().create_task(self._ask_anew(asked))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _ask_anew(self, asked: _Asked) -> None:
        try:
            await self._connect()
        except OSError:
            asked.sent = time.monotonic()
            self.end(asked, "refused", 0)
            return
        self._idle.pop().ask(asked)

    async def _connect(self) -> None:
        _, client = await asyncio.get_running_loop().create_connection(
            lambda: _Client(self), self._url.hostname, self._url.port
        )
        self._open.add(client)
        self._idle.append(client)


async def _main() -> None:
    generator = _Generator(Plan(**json.loads(sys.argv[1])))
    await generator.run()
    found = {"records": [tuple(each) for each in generator.records], "extra": generator.extra}
    sys.stdout.buffer.write(orjson.dumps(found))


if __name__ == "__main__":
    uvloop.run(_main())
