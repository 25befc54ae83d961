"""Grades the samples of a dataset on a running server, through its batch face."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from pydantic import SecretStr

from grader_service import jsontext
from grader_service.datasets.pieces import Piece
from grader_service.datasets.records import Record, RecordCause
from grader_service.errors import CannotStart
from grader_service.graders.base import Grader

MEDIA_TYPE: Final = "application/x-ndjson"
CONNECT_SECONDS: Final = 30
LINE_BYTES: Final = 4 * 1024 * 1024
"""The longest line that a server may answer with."""

AGAIN: Final = "run the same command again to go on"


@dataclass(frozen=True, slots=True)
class Server:
    """`url` is the server's, with or without `/v1`."""

    url: str
    key: SecretStr | None = None

    @property
    def batch_url(self) -> str:
        url = self.url.rstrip("/")
        return f"{url}/graders/batch" if url.endswith("/v1") else f"{url}/v1/graders/batch"

    @property
    def headers(self) -> Mapping[str, str]:
        content_type = {"content-type": MEDIA_TYPE}
        if self.key is None:
            return content_type
        return content_type | {"authorization": f"Bearer {self.key.get_secret_value()}"}


@asynccontextmanager
async def graded_there(
    server: Server, grader: Grader, pieces: AsyncIterable[Piece], concurrency: int
) -> AsyncIterator[AsyncIterator[Record]]:
    """Records with item and sample, as they are done; `concurrency` samples are under way at once.

    Raises (from the records, too):
        CannotStart: the server is not there, refuses the grader or the key, or ended too soon.
    """
    exchange = _Exchange(grader, concurrency)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, read_bufsize=LINE_BYTES) as session,
            session.post(
                server.batch_url, data=exchange.lines(pieces), headers=server.headers
            ) as answer,
        ):
            if answer.status != 200:
                raise await _refusal(server, answer)
            yield exchange.records(answer.content)
    except aiohttp.ClientConnectorError as error:
        raise CannotStart(f"{server.url} cannot be reached: {error.strerror}") from None
    except aiohttp.http_exceptions.LineTooLong:
        raise CannotStart(
            f"{server.url} answered with a line that is too long; is it a grader-service?"
        ) from None
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CannotStart(
            f"{server.url} did not answer to the end ({type(error).__name__}: {error}); {AGAIN}"
        ) from None


async def _refusal(server: Server, answer: aiohttp.ClientResponse) -> CannotStart:
    try:
        message = jsontext.loads(await answer.content.read(LINE_BYTES))["error"]["message"]
    except (jsontext.JsonError, KeyError, TypeError):
        message = f"{answer.reason}; is it a grader-service?"
    return CannotStart(f"{server.url} answered {answer.status}: {message}")


class _Exchange:
    """What was sent, and what of it has come back. The server is told places in the stream for indices."""

    def __init__(self, grader: Grader, concurrency: int) -> None:
        self._grader = grader
        self._room = asyncio.Semaphore(concurrency)
        self._sent: dict[int, Piece] = {}
        self._all_sent = False

    async def lines(self, pieces: AsyncIterable[Piece]) -> AsyncIterator[bytes]:
        yield jsontext.dumps({"grader": self._grader.spelled}) + b"\n"
        place = 0
        async for piece in pieces:
            await self._room.acquire()
            self._sent[place] = piece
            row = {"index": place, "item": piece.item, "sample": piece.sample}
            yield jsontext.dumps(row) + b"\n"
            place += 1
        self._all_sent = True

    async def records(self, answer: aiohttp.StreamReader) -> AsyncIterator[Record]:
        async for line in answer:
            try:
                told = jsontext.loads(line)
                if "summary" in told and self._all_sent and not self._sent:
                    return
                if "summary" in told:
                    break
                record = self._record(told)
            except (jsontext.JsonError, KeyError, TypeError):
                raise CannotStart(
                    "the server answered with something else than records; is it a grader-service?"
                ) from None
            yield record
        raise CannotStart(f"the server's answer was cut off; {AGAIN}")

    def _record(self, told: dict[str, Any]) -> Record:
        """Raises KeyError, TypeError: it is no line of this answer."""
        if told.keys() == {"error"}:
            raise CannotStart(f"the server gave up: {told['error']['message']} {AGAIN}")
        piece = self._sent.pop(told["row"] if "error" in told else told["index"])
        self._room.release()
        record = self._refused(told["error"]) if "error" in told else told
        if record.keys() != Record.__annotations__.keys():
            raise KeyError
        return piece.record(record)  # type: ignore[arg-type]

    def _refused(self, error: Mapping[str, Any]) -> Record:
        """A sample that the server did not take has failed: it can do with another limit, say."""
        cause: RecordCause = {
            "kind": error["code"],
            "details": error["message"],
            "retryable": False,
            "where": "",
        }
        return {
            "index": 0,
            "n": 0,
            "reward": self._grader.invalid_grade,
            "state": "failed",
            "causes": [cause],
            "parts": {},
            "seconds": 0.0,
            "usage": {},
            "item": None,
            "sample": None,
        }
