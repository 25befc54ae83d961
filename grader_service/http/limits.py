"""What one server takes on at once, and how large a request may be: told before a body is read."""

from collections.abc import Iterable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from grader_service.errors import RequestRefused
from grader_service.http.errors import error_answer
from grader_service.http.json_route import MAX_BODY, essence_of, too_large
from grader_service.http.ndjson import MEDIA_TYPE

RETRY_AFTER_SECONDS = "1"


class Limits:
    """Counts what is in flight; probes and other GETs are always answered."""

    def __init__(self, app: ASGIApp, max_body_bytes: int, max_in_flight: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._max_in_flight = max_in_flight
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        try:
            self._check(scope["headers"])
        except RequestRefused as error:
            return await error_answer(error)(scope, receive, send)
        scope[MAX_BODY] = self._max_body_bytes
        self._in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight -= 1

    def in_flight(self) -> int:
        return self._in_flight

    def _check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        sent = dict(headers)
        length = sent.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._max_body_bytes and not _in_lines(sent):
            raise too_large(self._max_body_bytes)
        if self._in_flight >= self._max_in_flight:
            raise RequestRefused(
                f"{self._max_in_flight} requests are being graded, which is all that this server takes at once "
                "(GRADER_MAX_IN_FLIGHT); try again.",
                status=429,
                headers={"retry-after": RETRY_AFTER_SECONDS},
            )


def _in_lines(headers: Mapping[bytes, bytes]) -> bool:
    """Such a body is read line by line, and the limit is each line's; routes that do not do that refuse it unread."""
    return essence_of(headers.get(b"content-type", b"").decode("latin-1")) == MEDIA_TYPE
