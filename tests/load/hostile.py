"""Clients that mean no good beside normal traffic: silent and slow ones, too large bodies, half-closed connections."""

import asyncio
import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

from tests.definitions import STRING_CHECK, body
from tests.load.generator import Plan, send
from tests.load.kinds import RUN
from tests.load.records import Records
from tests.load.report import Check, Options, Report, timed
from tests.load.stage import MIX, Stage, honest, stage

SECONDS = 30
RATE = 50
MANY = 100
DRIP_SECONDS = 0.1
LARGE = 3_000_000
ROUND = 10_000_000

Attack = Callable[[str, int, Counter[str]], Awaitable[None]]
"""Host, port, and where to count what the server did."""


async def _silent(host: str, port: int, seen: Counter[str]) -> None:
    """Connects and says nothing."""
    reader, writer = await asyncio.open_connection(host, port)
    with contextlib.closing(writer.transport):
        seen["silent connection"] += 1
        await reader.read()
        seen["silent connection: ended"] += 1


async def _slow_headers(host: str, port: int, seen: Counter[str]) -> None:
    await _drip(host, port, f"POST {RUN} HTTP/1.1\r\nhost: x\r\n".encode(), b"x" * 10_000)
    seen["slow headers: ended"] += 1


async def _slow_body(host: str, port: int, seen: Counter[str]) -> None:
    head = f"POST {RUN} HTTP/1.1\r\nhost: x\r\ncontent-length: 10000\r\n\r\n".encode()
    answer = await _drip(host, port, head, b" " * 10_000)
    seen[f"slow body: {answer[9:12].decode()}"] += 1


async def _drip(host: str, port: int, head: bytes, rest: bytes) -> bytes:
    """Send byte by byte until the server has had enough; its answer."""
    reader, writer = await asyncio.open_connection(host, port)
    with contextlib.closing(writer.transport):
        writer.write(head)
        answer = asyncio.create_task(reader.read(65536))
        try:
            for index in range(len(rest)):
                writer.write(rest[index : index + 1])
                await asyncio.wait([answer], timeout=DRIP_SECONDS)
                if answer.done():
                    break
            return await answer
        finally:
            answer.cancel()


async def _oversize(host: str, port: int, seen: Counter[str]) -> None:
    head = f"POST {RUN} HTTP/1.1\r\nhost: x\r\ncontent-length: {LARGE}\r\n\r\n".encode()
    await _large("oversize with a length", head + b" " * LARGE, host, port, seen)


async def _oversize_chunked(host: str, port: int, seen: Counter[str]) -> None:
    head = f"POST {RUN} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    whole = head + chunk * (LARGE // 0x10000) + b"0\r\n\r\n"
    await _large("oversize without a length", whole, host, port, seen)


async def _large(name: str, request: bytes, host: str, port: int, seen: Counter[str]) -> None:
    while True:
        reader, writer = await asyncio.open_connection(host, port)
        with contextlib.closing(writer.transport):
            writer.write(request)
            answer = await reader.read(65536)
        seen[f"{name}: {answer[9:12].decode()}"] += 1
        await asyncio.sleep(0.2)


async def _half_closed(host: str, port: int, seen: Counter[str]) -> None:
    """Sends a right request and its end, and may wait for the answer or not."""
    sent = json.dumps(body(STRING_CHECK)).encode()
    head = f"POST {RUN} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(sent)}\r\n\r\n".encode()
    while True:
        reader, writer = await asyncio.open_connection(host, port)
        with contextlib.closing(writer.transport):
            writer.write(head + sent)
            writer.write_eof()
            answer = await reader.read(65536)
        seen[f"half-closed: {answer[9:12].decode() or 'no answer'}"] += 1
        await asyncio.sleep(0.1)


async def _gone(host: str, port: int, seen: Counter[str]) -> None:
    """Announces a body, sends half of it and resets the connection."""
    while True:
        _, writer = await asyncio.open_connection(host, port)
        with contextlib.closing(writer):
            writer.write(
                f"POST {RUN} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode()
            )
            await asyncio.sleep(0.05)
            writer.transport.abort()
        seen["gone in the middle"] += 1


ATTACKS: tuple[tuple[Attack, int], ...] = (
    (_silent, MANY),
    (_slow_headers, MANY),
    (_slow_body, MANY),
    (_oversize, 2),
    (_oversize_chunked, 2),
    (_half_closed, 4),
    (_gone, 4),
)


@contextlib.contextmanager
def _attacked(here: Stage) -> Iterator[Counter[str]]:
    """All attacks at once, in a thread of this process; the traffic comes from another one."""
    seen: Counter[str] = Counter()
    host, _, port = here.address.removeprefix("http://").partition(":")
    loop = asyncio.new_event_loop()

    async def attack() -> None:
        async with asyncio.TaskGroup() as group:
            for each, many in ATTACKS:
                for _ in range(many):
                    group.create_task(_insistent(each, host, int(port), seen))

    attacking = loop.create_task(attack())
    thread = threading.Thread(target=_until_cancelled, args=(loop, attacking))
    thread.start()
    try:
        yield seen
    finally:
        loop.call_soon_threadsafe(attacking.cancel)
        thread.join()


async def _insistent(attack: Attack, host: str, port: int, seen: Counter[str]) -> None:
    while True:
        with contextlib.suppress(OSError):
            await attack(host, port, seen)
        await asyncio.sleep(0.1)


def _until_cancelled(loop: asyncio.AbstractEventLoop, attacking: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        loop.run_until_complete(attacking)
    loop.run_until_complete(asyncio.sleep(0.1))  # closed connections take a turn of the loop
    loop.close()


def _wait(come: Callable[[], bool], seconds: float = 20) -> None:
    """For what takes its time on a busy machine."""
    end = time.monotonic() + seconds
    while not come() and time.monotonic() < end:
        time.sleep(0.05)


def _traffic(here: Stage, seconds: float, first: int) -> Records:
    return send(Plan(here.address, MIX, rate=RATE, seconds=seconds, first=first))


def run(options: Options) -> Report:
    half = options.seconds / 2
    with stage(options, deadline_seconds=min(5, half / 2)) as here:
        alone = _traffic(here, half, ROUND)
        with _attacked(here) as seen:
            beside = _traffic(here, half, 2 * ROUND)
            _wait(lambda: seen["slow body: 408"] > 0)
        rewarded = here.rewarded()
        engine = here.sandbox()["engine"]
    ours = Counter({name: rewarded[name] for name in rewarded if name.startswith("load-")})
    both = Records.together(alone, beside)
    refusals = {name: seen[name] for name in sorted(seen) if name.startswith("oversize")}
    checks = [
        *honest(both, ours),
        Check("normal traffic is graded, every request", both.only("right")),
        Check("every body that is too large gets 413", {name[-3:] for name in refusals} == {"413"}),
        Check("a body that does not come is ended with 408", seen["slow body: 408"] > 0),
        *timed(
            options,
            [
                Check(
                    f"p99 of normal traffic is within twice of what it is alone: {beside.percentile(0.99):.0f} ms, "
                    f"{alone.percentile(0.99):.0f} ms",
                    beside.percentile(0.99) <= 2 * alone.percentile(0.99),
                )
            ],
        ),
    ]
    rows = [alone.row("alone"), beside.row("beside them")]
    came = ", ".join(f"{name} {seen[name]}" for name in sorted(seen))
    conditions = (
        f"{RATE} requests/s of the mixture, python graders in {engine}; {MANY} each of silent connections, slow headers, "
        f"slow bodies, with the others. Seen: {came}"
    )
    return Report("hostile", conditions, rows, checks)
