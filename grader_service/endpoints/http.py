"""Calls scorers over HTTP, and only where it was allowed to."""

import asyncio
import json
import math
import random
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import cachetools
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict

from grader_service import jsontext
from grader_service.endpoints.allowed import Allowed, Target, is_public, literal, target_of
from grader_service.endpoints.base import Call
from grader_service.errors import (
    EndpointAnswerInvalid,
    EndpointBodyTooLarge,
    EndpointOff,
    EndpointUnavailable,
    InvalidGrader,
)

TRIES: Final = 3
FIRST_BACKOFF_SECONDS: Final = 0.5
MAX_BODY_BYTES: Final = 1_000_000
MAX_ANSWER_BYTES: Final = 1_000_000
SHOWN_CHARACTERS: Final = 200
MAX_CONNECTIONS: Final = 256
MAX_URLS: Final = 4096


class _NotAllowed(OSError):
    """A name that leads to an address which may not be called."""


class _Again(Exception):
    """This try failed in a way that another may not."""


class _GuardedResolver(AbstractResolver):
    """Resolves and judges in one step: the address that was looked at is the one that is connected to."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if self._allowed.permits_private(
            Target("https", host, port)
        ) or self._allowed.permits_private(Target("http", host, port)):
            return found
        for result in found:
            address = literal(result["host"].partition("%")[0])
            if address is None or not is_public(address):
                raise _NotAllowed
        return found

    async def close(self) -> None:
        await self._resolver.close()


class HttpEndpoints:
    """Implements `Endpoints`."""

    def __init__(
        self, session: aiohttp.ClientSession, allowed: Allowed, timeout_seconds: float
    ) -> None:
        self._session = session
        self._allowed = allowed
        self._timeout_seconds = timeout_seconds
        self._next_turn: cachetools.LRUCache[str, float] = cachetools.LRUCache(MAX_URLS)

    def check(self, url: str) -> list[str]:
        try:
            self._permit(url)
        except EndpointOff as error:
            raise InvalidGrader(error.details, param="url") from None
        return []

    async def score(self, call: Call) -> float:
        target = self._permit(call.url)
        return await self._tried(call, target, _body(call))

    def _permit(self, url: str) -> Target:
        """By what the URL says; what its name leads to is looked at when it is connected to."""
        try:
            target = target_of(url)
        except ValueError as error:
            raise EndpointOff(f"the scorer's URL cannot be called: {error}") from None
        if not self._allowed.permits(target):
            raise EndpointOff(
                f"{target.scheme}://{target.host}:{target.port} is not among the hosts that GRADER_ENDPOINT_HOSTS allows"
            )
        address = literal(target.host)
        if (
            address is not None
            and not is_public(address)
            and not self._allowed.permits_private(target)
        ):
            raise _private(target)
        return target

    async def _tried(self, call: Call, target: Target, body: bytes) -> float:
        for tries in range(1, TRIES + 1):
            await self._turn(call)
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    return await self._once(call, target, body)
            except TimeoutError:
                fault = f"the scorer at {target.host} gave no score within {self._timeout_seconds:g} s (GRADER_ENDPOINT_TIMEOUT_SECONDS)"
            except _Again as failed:
                fault = str(failed)
            if tries == TRIES:
                break
            longest = FIRST_BACKOFF_SECONDS * 2 ** (tries - 1)
            await asyncio.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - jitter
        raise EndpointUnavailable(f"{fault} (after {TRIES} tries)")

    async def _turn(self, call: Call) -> None:
        """An even flow of `rate_limit` requests a second for all who call this URL."""
        now = time.monotonic()
        turn = max(now, self._next_turn.get(call.url, now))
        self._next_turn[call.url] = turn + 1 / call.rate_limit
        await asyncio.sleep(turn - now)

    async def _once(self, call: Call, target: Target, body: bytes) -> float:
        headers = {name: value.get_secret_value() for name, value in call.headers.items()}
        sent = CIMultiDict({"content-type": "application/json", "accept": "application/json"})
        sent.update(headers)
        who = f"the scorer at {target.host}"
        try:
            async with self._session.post(
                call.url, data=body, headers=sent, allow_redirects=False
            ) as response:
                content = await _read(response, who)
                status = response.status
        except aiohttp.ClientConnectorDNSError as error:
            if isinstance(error.os_error, _NotAllowed):
                raise _private(target) from None
            raise _Again(f"{who} cannot be found: its name does not resolve") from None
        except aiohttp.InvalidURL:
            raise EndpointOff(f"{who} cannot be called: its URL is none") from None
        except aiohttp.ClientConnectorError:
            raise _Again(f"{who} cannot be reached") from None
        except aiohttp.ClientError:
            raise _Again(f"{who} broke the connection before its answer was whole") from None
        said = _shown(content, headers)
        if status >= 500 or status in {408, 429}:
            raise _Again(f"{who} answered {status}: {said}")
        if status != 200:
            raise EndpointAnswerInvalid(f"{who} answered {status}: {said}")
        return _score(content, who, said)


@asynccontextmanager
async def open_http(hosts: tuple[str, ...], timeout_seconds: float) -> AsyncIterator[HttpEndpoints]:
    """Endpoint graders for as long as the connections live.

    Raises:
        CannotStart: one of the hosts is none.
    """
    allowed = Allowed(hosts)
    connector = aiohttp.TCPConnector(
        resolver=_GuardedResolver(allowed), use_dns_cache=False, limit=MAX_CONNECTIONS
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0),
    ) as session:
        yield HttpEndpoints(session, allowed, timeout_seconds)


def _private(target: Target) -> EndpointOff:
    return EndpointOff(
        f"{target.host} leads to an address that is not public; allow it as {target.host}:{target.port} in GRADER_ENDPOINT_HOSTS"
    )


def _body(call: Call) -> bytes:
    body = jsontext.dumps(
        {"sample": dict(call.sample), "item": dict(call.item), "trace_id": call.trace_id}
    )
    if len(body) > MAX_BODY_BYTES:
        raise EndpointBodyTooLarge(
            f"sample and item are {len(body)} bytes, and a scorer is sent at most {MAX_BODY_BYTES}"
        )
    return body


async def _read(response: aiohttp.ClientResponse, who: str) -> bytes:
    """At most the cap, counted after decompression; the rest is never read."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise EndpointAnswerInvalid(f"{who} answered with more than {MAX_ANSWER_BYTES} bytes")
    return bytes(content)


def _shown(content: bytes, headers: Mapping[str, str]) -> str:
    """The beginning of an answer, without what was sent in secret."""
    text = content[: 16 * SHOWN_CHARACTERS].decode(errors="replace")
    for value in headers.values():
        for secret in (value, *value.split()):
            if len(secret) >= 4:
                text = text.replace(secret, "[header]")
    return repr(text[:SHOWN_CHARACTERS])


def _score(content: bytes, who: str, said: str) -> float:
    """Strictly a finite JSON number: no text, no boolean, no guess."""
    try:
        answer: Any = json.loads(content)
        score = answer["score"]
        if isinstance(score, bool) or not isinstance(score, int | float):
            raise TypeError
        number = float(score)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        number = math.nan
    if not math.isfinite(number):
        raise EndpointAnswerInvalid(f'{who} must answer {{"score": number}}, and sent {said}')
    return number
