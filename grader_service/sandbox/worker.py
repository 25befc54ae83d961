"""One warm worker seen from the service: a stream to a runner, and what is asked through it."""

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Literal, cast

from grader_service.sandbox import frames
from grader_service.sandbox.frames import Answer, Demultiplexer, Frame, FrameReader, Garbled

LossReason = Literal["died", "dirty", "silent", "protocol"]


class WorkerLost(Exception):
    """The worker cannot be used any more; what it was asked remains unanswered. `last_words` are for the log."""

    def __init__(self, reason: LossReason, last_words: str = "") -> None:
        super().__init__(f"the sandbox worker was lost ({reason})")
        self.reason: LossReason = reason
        self.last_words = last_words


class SourceRefused(Exception):
    """The runner cannot compile this source; the text is for its author."""


class Worker(asyncio.Protocol):
    """Speaks frames on the transport that an engine connects it to.

    `on_ready` and `on_lost` are called from the event loop: when the next grade can be asked, and
    once when there will be none.
    """

    def __init__(self, *, multiplexed: bool, last_words: Callable[[], bytes] = lambda: b"") -> None:
        self.on_ready: Callable[[], None] = _nothing
        self.on_lost: Callable[[], None] = _nothing
        self.lost: WorkerLost | None = None
        self._transport: asyncio.Transport | None = None
        self._demultiplexer = Demultiplexer() if multiplexed else None
        self._words = last_words
        self._reader = FrameReader()
        self._hello: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loaded: asyncio.Future[None] | None = None
        self._asked: tuple[bytes, asyncio.Future[Answer]] | None = None
        self._ping: bytes | None = None

    async def greeted(self) -> None:
        """Wait until the runner is up. Raises `WorkerLost`."""
        await self._hello

    async def load(self, source: bytes) -> None:
        """Compile a source and import what it names, once in a worker's life. Raises `WorkerLost`, `SourceRefused`."""
        self._loaded = asyncio.get_running_loop().create_future()
        self._send(frames.LOAD, frames.NO_TOKEN, source)
        await self._loaded

    async def grade(self, request: bytes) -> Answer:
        """One grade; the worker is usable again when `on_ready` was called. Raises `WorkerLost`.

        Cancelled: the runner is told to kill the grade; `on_ready` follows as after an answer.
        """
        token = secrets.token_bytes(len(frames.NO_TOKEN))
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked = (token, future)
        try:
            self._send(frames.GRADE, token, request)
            return await future
        except asyncio.CancelledError:
            if self.lost is None:
                self._send(frames.CANCEL, token)
            raise

    def ping(self) -> bool:
        """Ask an idle worker for a sign of life; False where the last ping is still unanswered."""
        if self._ping is not None:
            return False
        self._ping = secrets.token_bytes(len(frames.NO_TOKEN))
        self._send(frames.PING, self._ping)
        return True

    def lose(self, reason: LossReason) -> None:
        """Give the worker up: everyone who waits gets `WorkerLost`, the stream is closed."""
        if self.lost is not None:
            return
        self.lost = WorkerLost(reason, self._last_words())
        waiting = [self._hello, self._loaded, self._asked[1] if self._asked else None]
        for future in waiting:
            if future is not None and not future.done():
                future.set_exception(self.lost)
        if self._hello.done() and not self._hello.cancelled():
            self._hello.exception()  # nobody may have waited for it
        if self._transport is not None:
            self._transport.abort()
        self.on_lost()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            if self._demultiplexer is not None:
                data = self._demultiplexer.feed(data)
            for frame in self._reader.feed(data):
                self._understand(frame)
        except Garbled:
            self.lose("protocol")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lose("died")

    def _send(self, kind: bytes, token: bytes, body: bytes = b"") -> None:
        if self.lost is not None:
            raise self.lost
        if self._transport is not None:
            self._transport.write(frames.pack(kind, token, body))

    def _understand(self, frame: Frame) -> None:
        match frame.kind:
            case frames.HELLO:
                _resolve(self._hello)
            case frames.READY:
                self._asked = None
                if self._loaded is not None and not self._loaded.done():
                    self._loaded.set_result(None)
                else:
                    self.on_ready()
            case frames.REFUSED:
                self._refused(frame.body)
            case frames.ANSWER:
                self._answered(frame)
            case frames.PING if frame.token == self._ping:
                self._ping = None
            case frames.DIRTY:
                self.lose("dirty")
            case _:
                raise Garbled(f"an unexpected frame of kind {frame.kind!r}")

    def _answered(self, frame: Frame) -> None:
        if self._asked is None or frame.token != self._asked[0]:
            raise Garbled("an answer that nobody asked for")
        answer = Answer.parse(frame.body)
        future = self._asked[1]
        if not future.done():
            future.set_result(answer)

    def _refused(self, body: bytes) -> None:
        if self._loaded is None or self._loaded.done():
            raise Garbled("a refusal of no source")
        try:
            details = str(json.loads(body)["details"])
        except (ValueError, KeyError, TypeError) as error:
            raise Garbled("a refusal without details") from error
        self._loaded.set_exception(SourceRefused(details))

    def _last_words(self) -> str:
        words = self._demultiplexer.stderr if self._demultiplexer else self._words()
        return words.decode("utf-8", "replace")[-500:]


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _nothing() -> None:
    return
