"""Who may call: named API keys, or nobody but this machine's own programs."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from grader_service.errors import RequestRefused
from grader_service.http.caller import TENANT
from grader_service.http.errors import error_answer
from grader_service.http.keyring import Keyring
from grader_service.settings import is_loopback

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"})
"""Answered without a key: probes, scrapers and the documentation, none of which shows a sample or a grader."""

KEY_HEADERS = (b"api-key", b"x-api-key", b"x-functions-key")

DOCUMENTED = (
    Security(HTTPBearer(auto_error=False)),
    *(
        Security(APIKeyHeader(name=name.decode(), scheme_name=name.decode(), auto_error=False))
        for name in KEY_HEADERS
    ),
)
"""Dependencies of the routes that need a key, for the OpenAPI document alone: it is `Auth` that looks."""


class Auth:
    """Finds the tenant of the key that was sent."""

    def __init__(self, app: ASGIApp, keyring: Keyring) -> None:
        self._app = app
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                scope[TENANT] = "" if scope["path"] in OPEN_PATHS else self._tenant(scope)
            except RequestRefused as error:
                return await error_answer(error)(scope, receive, send)
        return await self._app(scope, receive, send)

    def _tenant(self, scope: Scope) -> str:
        if self._keyring.is_open:
            _refuse_foreign_pages(scope["headers"])
            return ""
        owner = self._keyring.owner(_key(scope["headers"]))
        if owner is None:
            raise RequestRefused(
                "No valid API key was sent; send `Authorization: Bearer KEY` or `api-key: KEY`.",
                status=401,
                headers={"www-authenticate": "Bearer"},
            )
        return owner


def _key(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip()
        if name in KEY_HEADERS:
            return value.strip()
    return b""


def _refuse_foreign_pages(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Without keys a web page open in this machine's browser could call; a browser says whose page it is."""
    for name, value in headers:
        if name == b"origin" and not is_loopback(_host(value.decode("latin-1"))):
            raise RequestRefused(
                "Pages of other hosts may not call a server without API keys; set GRADER_API_KEYS.",
                status=403,
            )


def _host(origin: str) -> str:
    """Of an origin as browsers send it; "" for anything else, "null" among it."""
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""
