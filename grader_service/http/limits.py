"""What one server takes on at once, and how large a request may be: told before a body is read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from grader_service.errors import RequestRefused
from grader_service.http.errors import error_answer
from grader_service.http.json_route import MAX_BODY, MAX_BODY_SETTING, essence_of, too_large
from grader_service.http.ndjson import MEDIA_TYPE
from grader_service.http.prefixes import ANY_PREFIX
from grader_service.settings import Settings

FORM_BYTES = 64 * 1024
"""What a form has around the file in it."""

_FILES = re.compile(rf"(?:{ANY_PREFIX})/files")
_RUNS = re.compile(rf"(?:{ANY_PREFIX})/evals/[^/]+/runs")

RETRY_AFTER_SECONDS = "1"


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """How large a body may be, and the setting that says so."""

    bytes: int
    setting: str


class Limits:
    """Counts what is in flight; probes and other GETs are always answered."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._max_in_flight = settings.share(settings.max_in_flight)
        self._in_flight = 0
        self._usual = BodyLimit(settings.max_body_bytes, "GRADER_MAX_BODY_BYTES")
        self._large = (
            (_FILES, BodyLimit(settings.max_file_bytes + FORM_BYTES, "GRADER_MAX_FILE_BYTES")),
            (_RUNS, BodyLimit(settings.max_run_bytes, "GRADER_MAX_RUN_BYTES")),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        limit = self._limit(scope["path"])
        scope[MAX_BODY], scope[MAX_BODY_SETTING] = limit.bytes, limit.setting
        try:
            self._check(scope["headers"], limit)
        except RequestRefused as error:
            return await error_answer(error)(scope, receive, send)
        self._in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight -= 1

    def in_flight(self) -> int:
        return self._in_flight

    def _limit(self, path: str) -> BodyLimit:
        for form, limit in self._large:
            if form.fullmatch(path):
                return limit
        return self._usual

    def _check(self, headers: Iterable[tuple[bytes, bytes]], limit: BodyLimit) -> None:
        sent = dict(headers)
        length = sent.get(b"content-length", b"")
        if length.isdigit() and int(length) > limit.bytes and not _in_lines(sent):
            raise too_large(limit.bytes, setting=limit.setting)
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
