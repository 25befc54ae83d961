"""Calls scorers over HTTP, and only where it was allowed to."""

import asyncio
import json
import math
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import cachetools

from grader_service import jsontext
from grader_service.endpoints.allowed import Allowed, Target
from grader_service.endpoints.base import Call
from grader_service.endpoints.guarded import open_guarded
from grader_service.endpoints.posting import AnswerTooLarge, NotPermitted, Posting, Unreachable
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
MAX_URLS: Final = 4096


class _Again(Exception):
    """This try failed in a way that another may not."""


class HttpEndpoints:
    """Implements `Endpoints`."""

    def __init__(self, posting: Posting, timeout_seconds: float, processes: int) -> None:
        self._posting = posting
        self._processes = processes
        self._timeout_seconds = timeout_seconds
        self._next_turn: cachetools.LRUCache[str, float] = cachetools.LRUCache(MAX_URLS)

    def check(self, url: str) -> list[str]:
        try:
            self._posting.permit(url)
        except NotPermitted as error:
            raise InvalidGrader(str(error), param="url") from None
        return []

    async def score(self, call: Call) -> float:
        try:
            target = self._posting.permit(call.url)
            return await self._tried(call, target, _body(call))
        except NotPermitted as error:
            raise EndpointOff(str(error)) from None

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
        """An even flow of `rate_limit` requests a second for all who call this URL, this process's part of it."""
        now = time.monotonic()
        turn = max(now, self._next_turn.get(call.url, now))
        self._next_turn[call.url] = turn + self._processes / call.rate_limit
        await asyncio.sleep(turn - now)

    async def _once(self, call: Call, target: Target, body: bytes) -> float:
        headers = {name: value.get_secret_value() for name, value in call.headers.items()}
        who = f"the scorer at {target.host}"
        try:
            answer = await self._posting.post(call.url, body, headers, MAX_ANSWER_BYTES)
        except Unreachable as error:
            raise _Again(str(error)) from None
        except AnswerTooLarge:
            raise EndpointAnswerInvalid(
                f"{who} answered with more than {MAX_ANSWER_BYTES} bytes"
            ) from None
        said = _shown(answer.content, headers)
        if answer.status >= 500 or answer.status in {408, 429}:
            raise _Again(f"{who} answered {answer.status}: {said}")
        if answer.status != 200:
            raise EndpointAnswerInvalid(f"{who} answered {answer.status}: {said}")
        return _score(answer.content, who, said)


@asynccontextmanager
async def open_http(
    hosts: tuple[str, ...], timeout_seconds: float, processes: int
) -> AsyncIterator[HttpEndpoints]:
    """Endpoint graders for as long as the connections live; `processes` share the scorers' rate limits.

    Raises:
        CannotStart: one of the hosts is none.
    """
    async with open_guarded(Allowed("GRADER_ENDPOINT_HOSTS", hosts), "the scorer") as guarded:
        yield HttpEndpoints(guarded, timeout_seconds, processes)


def _body(call: Call) -> bytes:
    body = jsontext.dumps(
        {"sample": dict(call.sample), "item": dict(call.item), "trace_id": call.trace_id}
    )
    if len(body) > MAX_BODY_BYTES:
        raise EndpointBodyTooLarge(
            f"sample and item are {len(body)} bytes, and a scorer is sent at most {MAX_BODY_BYTES}"
        )
    return body


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
