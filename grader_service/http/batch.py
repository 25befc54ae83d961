"""One grader and many rows: lines in, lines out, each as soon as its grade is done."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import anyio
from fastapi import APIRouter, Request
from pydantic import TypeAdapter
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from grader_service import jsontext
from grader_service.datasets.batch import BatchHead, BatchRequest, BatchRow, Last, RefusedRow
from grader_service.datasets.grading import grading
from grader_service.datasets.records import Record, record_of
from grader_service.datasets.tally import Tally
from grader_service.errors import RequestRefused
from grader_service.events import BatchGraded
from grader_service.graders.base import Grader
from grader_service.graders.context import Context
from grader_service.graders.result import Result
from grader_service.http import endpoint, openai
from grader_service.http.auth import DOCUMENTED
from grader_service.http.caller import caller_of
from grader_service.http.errors import error_body
from grader_service.http.json_route import (
    MAX_BODY,
    ROUTE,
    JsonRoute,
    checked,
    essence_of,
    parse,
    too_large,
)
from grader_service.http.ndjson import MEDIA_TYPE, Backlog, Incoming, Outgoing, TooLong, beside
from grader_service.wire import ErrorAnswer

PREFIXES: Final = tuple(prefix for prefix in openai.PREFIXES if prefix)
"""Without a prefix it would be the catalogue's grader `batch`."""

STALLS: Final = 2
"""A batch where nothing moves for so many deadlines is given up: no piece comes, none is taken, no grade ends."""

FAREWELL_SECONDS: Final = 1

HEAD: Final = TypeAdapter(BatchHead)
ROW: Final = TypeAdapter(BatchRow)


class Batches:
    """How much of batches one server works at: rows of one at once, and of all."""

    def __init__(self, concurrency: int, slots: int) -> None:
        self.concurrency = concurrency
        self.slots = asyncio.Semaphore(slots)
        self.backlog = Backlog()


async def batch(body: BatchRequest, request: Request) -> Response:
    """Grade many rows with one grader; the answer's lines come while the request's are still being sent.

    As `application/x-ndjson` the first line is a head (`grader` or `grader_name`) and each other one
    a row; as JSON it is one object with the head's keys and `rows`. A row is `{"item", "sample"}`, the
    sample an object or the model's text, and may have an `index` and an `n` that come back.

    One line comes back for each row, as soon as it is graded: a record, or an `error` for a row that
    could not be read. The last line has a `summary`; without it the answer was cut off.
    """
    return BatchAnswer(request, body)


class BatchRoute(JsonRoute):
    """Lines are not read before they are answered."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer_json = super().get_route_handler()

        async def answer(request: Request) -> Response:
            if essence_of(request.headers.get("content-type", "")) != MEDIA_TYPE:
                return await answer_json(request)
            request.scope[ROUTE] = self.name
            return BatchAnswer(request)

        return answer


@dataclass(frozen=True, slots=True)
class _Job:
    """`catalogue` is the grader's name there, None for one that came with the request; `rows` are
    lines (`bytes | TooLong`) or the values of an array."""

    grader: Grader
    catalogue: str | None
    rows: AsyncIterator[Any]


Place = tuple[int, int, int]
"""A row's place in the request, and its `index` and `n`."""


class BatchAnswer(Response):
    """Reads the request, where it is not there yet, and answers it at the same time."""

    def __init__(self, request: Request, body: BatchRequest | None = None) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        del self.headers["content-length"]
        self._state = request.scope["state"]
        self._caller = caller_of(request)
        self._max_line_bytes: int = request.scope[MAX_BODY]
        self._body = body
        self._begun = False
        self._tally = Tally()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Until the last line is sent, the client has left, or nothing moves any more.

        Raises:
            RequestRefused: the grader is not there or wrong, or the head did not come.
        """
        patience = STALLS * self._caller.deadline_seconds
        limit = anyio.CancelScope(deadline=anyio.current_time() + patience)

        def moved() -> None:
            limit.deadline = anyio.current_time() + patience

        incoming = Incoming(receive, self._max_line_bytes, moved)
        batches: Batches = self._state["batches"]
        with closing(Outgoing(send, moved, batches.backlog)) as outgoing:
            async with beside(incoming.pump(limit.cancel), outgoing.pump()):
                with limit:
                    job = await self._job(incoming)
                    await send(self._start())
                    await self._work(job, outgoing)
                if limit.cancelled_caught and not incoming.gone:
                    await self._give_up(patience, outgoing)

    def _start(self) -> Message:
        self._begun = True
        return {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }

    async def _job(self, incoming: Incoming) -> _Job:
        if self._body is None:
            rows: AsyncIterator[Any] = incoming.lines()
            head = await self._head(rows)
        else:
            head = self._body
            rows = _each(self._body.rows)
        if head.grader is None:
            assert head.grader_name is not None
            entry = endpoint.entry_of(self._state["catalogue"], head.grader_name, "grader_name")
            return _Job(entry.grader, entry.name, rows)
        await openai.check(head.grader, self._caller.engines)
        return _Job(head.grader, None, rows)

    async def _head(self, lines: AsyncIterator[bytes | TooLong]) -> BatchHead:
        async for line in lines:
            if isinstance(line, TooLong):
                raise too_large(self._max_line_bytes, "first line")
            if line.strip():
                return parse(HEAD, line, "first line")
        raise RequestRefused(
            'The body is empty; its first line must be {"grader": …} or {"grader_name": …}.'
        )

    async def _work(self, job: _Job, outgoing: Outgoing) -> None:
        started = time.perf_counter()
        complete = False
        batches: Batches = self._state["batches"]
        try:
            async with grading(
                job.grader, self._contexts(job), batches.concurrency, batches.slots
            ) as results:
                async for place, done in results:
                    outgoing.write(self._line(place, done))
                    if outgoing.full:
                        await outgoing.sent()
            complete = True
        finally:
            summary = self._tally.summary()
            self._caller.engines.observe(
                BatchGraded(
                    grader_type=job.grader.type,
                    catalogue=job.catalogue,
                    counts={
                        "value": summary["value"],
                        "invalid": summary["invalid"],
                        "failed": summary["failed"],
                        "refused": summary["refused"],
                    },
                    causes=summary["causes"],
                    complete=complete,
                    seconds=time.perf_counter() - started,
                    request_id=self._caller.request_id,
                )
            )
        last: Last = {"summary": summary, "seconds": time.perf_counter() - started}
        outgoing.write(jsontext.dumps(last) + b"\n")
        await outgoing.end()

    async def _contexts(self, job: _Job) -> AsyncIterator[tuple[Place, Context | RequestRefused]]:
        place = 0
        async for given in job.rows:
            try:
                row = self._row(given)
            except RequestRefused as error:
                yield (place, 0, 0), error
            else:
                if row is None:
                    continue
                context = self._caller.context(
                    row.item, row.sample, catalogue=job.catalogue, of_batch=True
                )
                yield (place, place if row.index is None else row.index, row.n), context
            place += 1

    def _row(self, given: Any) -> BatchRow | None:
        """None for a blank line."""
        if isinstance(given, bytes):
            return None if given.isspace() or not given else parse(ROW, given, "line")
        if isinstance(given, TooLong):
            raise too_large(self._max_line_bytes, "line")
        return checked(ROW, given)

    def _line(self, place: Place, done: Result | RequestRefused) -> bytes:
        row, index, n = place
        line: Record | RefusedRow
        if isinstance(done, RequestRefused):
            self._tally.refuse()
            line = {"row": row, "error": error_body(done)}
        else:
            self._tally.add(done.state, done.reward, [cause.kind for cause in done.causes])
            line = record_of(index, n, done)
        return jsontext.dumps(line) + b"\n"

    async def _give_up(self, patience: float, outgoing: Outgoing) -> None:
        """Nothing moved for so long. Where the answer has begun it can only end without its last line."""
        error = RequestRefused(
            f"Nothing came, was taken or graded for {patience:g} s, {STALLS} times GRADER_DEADLINE_SECONDS.",
            status=408,
            headers={"connection": "close"},
        )
        if not self._begun:
            raise error
        with anyio.move_on_after(FAREWELL_SECONDS):
            outgoing.write(jsontext.dumps({"error": error_body(error)}) + b"\n")
            await outgoing.end()


async def _each(rows: list[Any]) -> AsyncIterator[Any]:
    for row in rows:
        yield row


LINES: Final[Mapping[str, Any]] = MappingProxyType(
    {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}
)
"""As OpenAPI spells a body of lines: it has no word for what each of them is."""


def router() -> APIRouter:
    """Documented under one prefix, as `openai.router` is."""
    routes = APIRouter(
        route_class=BatchRoute,
        tags=["graders"],
        dependencies=DOCUMENTED,
        responses={
            status: {"model": ErrorAnswer}
            for status in (400, 401, 403, 404, 408, 413, 415, 429, 500)
        },
    )
    for prefix in PREFIXES:
        routes.add_api_route(
            f"{prefix}/graders/batch",
            batch,
            methods=["POST"],
            response_class=Response,
            responses={200: dict(LINES)},
            openapi_extra={"requestBody": dict(LINES)},
            name="graders_batch",
            operation_id="grade_batch",
            include_in_schema=prefix == openai.DOCUMENTED_PREFIX,
        )
    return routes
