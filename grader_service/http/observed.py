"""The outermost layer: a request has an id, and its end is an event."""

import random
import re
import time
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grader_service.errors import RequestRefused
from grader_service.events import Answered, Observe
from grader_service.http.caller import REQUEST_ID
from grader_service.http.errors import error_answer
from grader_service.http.json_route import ROUTE

DEFECT = RequestRefused(
    "The server has a defect; its log has it under this answer's x-request-id.", status=500
)
_CLIENTS_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class Observed:
    """Sends `x-request-id` with every answer: the caller's own where it sent a plain one, else `req_` + 32 hex."""

    def __init__(self, app: ASGIApp, observe: Observe) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope["headers"])
        scope[REQUEST_ID] = request_id.decode()
        status = 500
        begun = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                begun = True
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id))
            await send(message)

        defect: Exception | None = None
        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 - the outermost boundary of HTTP: every request has an answer
            defect = error
            if not begun:
                await error_answer(DEFECT)(scope, receive, send_with_id)
        self._observe(
            Answered(
                route=scope.get(ROUTE, "none"),
                status=status,
                seconds=time.perf_counter() - started,
                request_id=scope[REQUEST_ID],
                defect=defect,
            )
        )


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        if name == b"x-request-id" and _CLIENTS_ID.fullmatch(value):
            return value
    return new_request_id()


def new_request_id() -> bytes:
    return b"req_%032x" % random.getrandbits(128)
