"""The route of every JSON endpoint: reads, checks and answers bodies; FastAPI still documents it from its signature."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar, get_type_hints

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive

from grader_service import jsontext
from grader_service.errors import RequestRefused
from grader_service.graders.faults import faults_of, summary
from grader_service.http.eager import within
from grader_service.http.errors import JsonAnswer

MAX_BODY = "grader_service.max_body_bytes"
MAX_BODY_SETTING = "grader_service.max_body_setting"
ROUTE = "grader_service.route"
BODY = "grader_service.body"
"""Keys of the ASGI scope: the limit that `limits.Limits` has set and its setting's name, the name of the route, the
body's bytes."""


class JsonRoute(APIRoute):
    """An endpoint is `async def name(body: Model, request: Request) -> Answer`, the body optional.

    FastAPI's own handler spends twice the time of a whole string_check on resolving dependencies and
    validating the answer, and would say 422 where the wire says 400.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint: Callable[..., Awaitable[Any]] = self.endpoint
        name = self.name
        body_type = get_type_hints(endpoint).get("body")
        if body_type is None:

            async def answer(request: Request) -> Response:
                request.scope[ROUTE] = name
                return _encode(await endpoint(request))

            return answer
        adapter: TypeAdapter[BaseModel] = TypeAdapter(body_type)

        async def answer_body(request: Request) -> Response:
            request.scope[ROUTE] = name
            text = request.scope[BODY] = await read_body(request)
            return _encode(await endpoint(parse(adapter, text), request))

        return answer_body


def _encode(answer: Any) -> Response:
    return answer if isinstance(answer, Response) else JsonAnswer(answer)


async def read_body(request: Request) -> bytes:
    """The whole body.

    Raises:
        RequestRefused: 413 as soon as more has come than allowed, 415 for another content type,
            408 when it is not there by the deadline: it holds a place among those in flight.
    """
    check_content_type(request)
    deadline_seconds = request.scope["state"]["deadline_seconds"]
    try:
        return await within(deadline_seconds, _whole(request.receive, request.scope[MAX_BODY]))
    except TimeoutError:
        raise RequestRefused(
            f"The body was not there after {deadline_seconds:g} s, the deadline of a request (GRADER_DEADLINE_SECONDS).",
            status=408,
            headers={"connection": "close"},
        ) from None


async def _whole(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestRefused("The client went away while it sent its body.")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def read_pieces(request: Request) -> AsyncIterator[bytes]:
    """A large body as it comes; the deadline is for each piece, since the whole may take as long as it is large.

    Raises:
        RequestRefused: as `read_body`.
    """
    scope = request.scope
    size = 0
    pieces = request.stream()
    while True:
        try:
            async with asyncio.timeout(scope["state"]["deadline_seconds"]):
                piece = await anext(pieces, None)
        except TimeoutError:
            raise RequestRefused(
                "Nothing more of the body has come until the deadline of a request (GRADER_DEADLINE_SECONDS).",
                status=408,
                headers={"connection": "close"},
            ) from None
        except ClientDisconnect:
            raise RequestRefused("The client went away while it sent its body.") from None
        if piece is None:
            return
        size += len(piece)
        if size > scope[MAX_BODY]:
            raise too_large(scope[MAX_BODY], setting=scope[MAX_BODY_SETTING])
        yield piece


def essence_of(content_type: str) -> str:
    """`application/json` of `Application/JSON; charset=utf-8`."""
    return content_type.partition(";")[0].strip().lower()


def too_large(
    limit: int, what: str = "body", setting: str = "GRADER_MAX_BODY_BYTES"
) -> RequestRefused:
    """The connection stays open and what still comes is dropped: closed over unread bytes it would be
    reset, and a client that sends to the end before it reads would never see the answer."""
    return RequestRefused(
        f"The {what} is larger than {limit} bytes; {setting} sets this limit.",
        status=413,
    )


def check_content_type(request: Request) -> None:
    content_type = request.headers.get("content-type")
    if content_type is None:
        return
    essence = essence_of(content_type)
    if essence != "application/json" and not (
        essence.startswith("application/") and essence.endswith("+json")
    ):
        raise RequestRefused(
            f"Content type {essence[:100]!r} is not taken; send application/json.", status=415
        )


Model = TypeVar("Model", bound=BaseModel)


def parse(adapter: TypeAdapter[Model], text: bytes, what: str = "body") -> Model:
    """The body, or what else it is for people, as its model.

    Raises:
        RequestRefused: 400 with the place of the fault in `param`.
    """
    try:
        data = jsontext.loads(text)
    except jsontext.JsonError as error:
        raise RequestRefused(f"The {what} is no valid JSON: {error}", code="invalid_json") from None
    return checked(adapter, data)


def checked(adapter: TypeAdapter[Model], data: Any) -> Model:
    """Parsed JSON as its model.

    Raises:
        RequestRefused: 400 with the place of the fault in `param`.
    """
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        faults = faults_of(error, data)
        raise RequestRefused(summary(faults), param=faults[0].param or None) from None
