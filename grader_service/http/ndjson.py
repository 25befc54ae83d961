"""Bodies of one JSON text a line, read and answered at the same time: neither is ever whole in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.types import Receive, Send

MEDIA_TYPE: Final = "application/x-ndjson"

MAX_UNSENT: Final = 16 * 1024 * 1024
"""Many clients send to the end before they read: so many bytes are kept for such a one, then its body waits."""

MAX_UNSENT_OF_ALL: Final = 8 * MAX_UNSENT
"""Beyond it every body waits for its own client to read: a short row can have a long answer."""

READ_AHEAD: Final = 4
"""Pieces of a body that may wait, mostly of 64 KiB. While there are fewer, a client that leaves is noticed at once."""


class TooLong:
    """Stands in the place of a line that is longer than a line may be."""


class Incoming:
    """The lines of a body; `moved` is called with each piece that comes."""

    def __init__(self, receive: Receive, max_line_bytes: int, moved: Callable[[], None]) -> None:
        self._receive = receive
        self._limit = max_line_bytes
        self._moved = moved
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(READ_AHEAD)
        self.gone = False

    async def pump(self, gone: Callable[[], None]) -> None:
        """Read to the body's end, then wait; call `gone` when the client has left."""
        while (message := await self._receive())["type"] != "http.disconnect":
            self._moved()
            if piece := message.get("body"):
                await self._pieces.put(piece)
            if not message.get("more_body"):
                await self._pieces.put(None)
        self.gone = True
        gone()

    async def lines(self) -> AsyncIterator[bytes | TooLong]:
        """Without their ends; blank lines too. Of a line that is too long no more than the limit is ever kept."""
        rest, skipping = b"", False
        while (piece := await self._pieces.get()) is not None:
            first, *others = piece.split(b"\n")
            rest = rest if skipping else rest + first
            skipping = skipping or len(rest) > self._limit
            if others:
                yield TooLong() if skipping else rest
                *whole, rest = others
                for line in whole:
                    yield line if len(line) <= self._limit else TooLong()
                skipping = len(rest) > self._limit
        if rest:
            yield TooLong() if skipping else rest


class Backlog:
    """What is kept for all clients of one server that have not read it yet, in bytes."""

    def __init__(self) -> None:
        self.bytes = 0


class Outgoing:
    """Lines on their way to the client: those that came since the last sending go together."""

    def __init__(self, send: Send, moved: Callable[[], None], backlog: Backlog) -> None:
        self._send = send
        self._moved = moved
        self._backlog = backlog
        self._kept = 0
        self._unsent = bytearray()
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()

    async def pump(self) -> None:
        while True:
            await self._some.wait()
            piece, self._unsent = bytes(self._unsent), bytearray()
            self._some.clear()
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            self._keep(-len(piece))
            self._moved()
            if not self._unsent:
                self._none.set()

    def write(self, line: bytes) -> None:
        """Take a line with its end. Where it is `full` then, wait until it is `sent`."""
        if not self._unsent:
            self._some.set()
            self._none.clear()
        self._unsent += line
        self._keep(len(line))

    def close(self) -> None:
        """Nothing is sent any more."""
        self._unsent.clear()
        self._keep(-self._kept)

    def _keep(self, more: int) -> None:
        self._kept += more
        self._backlog.bytes += more

    @property
    def full(self) -> bool:
        return self._kept > MAX_UNSENT or self._backlog.bytes > MAX_UNSENT_OF_ALL

    async def sent(self) -> None:
        await self._none.wait()

    async def end(self) -> None:
        """After everything is sent."""
        await self._none.wait()
        await self._send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Tasks for as long as the block lasts; what one of them raised is raised at its end."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error
