"""Every answer that is not 2xx: one body form, and a header that tells the SDK whether to try again."""

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from grader_service import jsontext
from grader_service.errors import RequestRefused, StoreUnavailable
from grader_service.wire import ErrorAnswer, ErrorBody

RETRY_AFTER_SECONDS = "2"

WORTH_A_RETRY = frozenset({408, 429, 503})
"""Statuses after which the same request may succeed; all others say `x-should-retry: false`."""

STATUSES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("invalid_request_error", "invalid_request"),
        401: ("invalid_request_error", "invalid_api_key"),
        403: ("invalid_request_error", "forbidden"),
        404: ("invalid_request_error", "not_found"),
        405: ("invalid_request_error", "method_not_allowed"),
        408: ("invalid_request_error", "request_timeout"),
        413: ("invalid_request_error", "request_too_large"),
        415: ("invalid_request_error", "unsupported_media_type"),
        429: ("rate_limit_error", "rate_limit_exceeded"),
        500: ("server_error", "internal_error"),
        503: ("server_error", "unavailable"),
    }
)
"""`error.type` and the usual `error.code` of each status that this server sends."""


class JsonAnswer(Response):
    """A body that `jsontext.dumps` encodes."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return jsontext.dumps(content)


def error_answer(error: RequestRefused) -> JsonAnswer:
    body: ErrorAnswer = {"error": error_body(error)}
    headers = dict(error.headers)
    if error.status not in WORTH_A_RETRY:
        headers["x-should-retry"] = "false"
    return JsonAnswer(body, status_code=error.status, headers=headers)


def error_body(error: RequestRefused) -> ErrorBody:
    """The SDK reads `error.message`, `.type`, `.param`, `.code` (grader-api §1.3)."""
    kind, code = STATUSES.get(error.status, ("invalid_request_error", None))
    return {
        "message": error.message,
        "type": kind,
        "param": error.param,
        "code": error.code or code,
    }


def install(app: FastAPI) -> None:
    """Answer refusals, ours and the framework's, in this form; `observed.Observed` answers defects."""
    app.add_exception_handler(RequestRefused, _bad_request)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(StoreUnavailable, _store_away)


async def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRefused)
    return error_answer(error)


async def _store_away(request: Request, error: Exception) -> Response:
    """Nothing was done, or what was done is whole: the same request may be sent again."""
    return error_answer(
        RequestRefused(
            "The database cannot be used now; try again.",
            status=503,
            headers={"retry-after": RETRY_AFTER_SECONDS},
        )
    )


async def _http_exception(request: Request, error: Exception) -> Response:
    """What the router itself raises: 404 and 405."""
    assert isinstance(error, HTTPException)
    message = error.detail
    headers = error.headers
    if error.status_code == 404:
        message = f"There is no {request.url.path!r} here; /docs lists what there is."
    elif error.status_code == 405:
        message = f"{request.url.path!r} does not answer {request.method}."
        headers = {"allow": ", ".join(_methods(request))}
    return error_answer(RequestRefused(message, status=error.status_code, headers=headers))


def _methods(request: Request) -> list[str]:
    """Of all routes with this path; the router names those of the first one only."""
    found = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return sorted(found)
