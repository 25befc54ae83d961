"""Verdicts that were paid for once: kept in memory or in Redis, off unless configured."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import cachetools

from grader_service.errors import CannotStart
from grader_service.judge.base import Question
from grader_service.judge.models import Route

KEY_PREFIX: Final = "grader-service:verdict:"
REDIS_SECONDS: Final = 1.0
"""A cache that takes longer than this is slower than going without."""


class CacheUnavailable(Exception):
    """The cache could not be asked; the grade goes on without."""


class Cache(Protocol):
    """Short texts by key, forgotten after their time."""

    async def get(self, key: str) -> str | None:
        """Raises CacheUnavailable."""
        ...

    async def put(self, key: str, text: str) -> None:
        """Raises CacheUnavailable."""
        ...


class MemoryCache:
    """At most so many, the least recently used forgotten first; gone with the process."""

    def __init__(self, entries: int, seconds: int) -> None:
        self._texts: cachetools.TTLCache[str, str] = cachetools.TTLCache(entries, seconds)

    async def get(self, key: str) -> str | None:
        return self._texts.get(key)

    async def put(self, key: str, text: str) -> None:
        self._texts[key] = text


class RedisCache:
    """Shared by several servers. `client` is a `redis.asyncio.Redis` that decodes answers."""

    def __init__(self, client: Any, error: type[Exception], seconds: int) -> None:
        self._client = client
        self._error = error
        self._seconds = seconds

    async def get(self, key: str) -> str | None:
        try:
            text: str | None = await self._client.get(KEY_PREFIX + key)
        except self._error:
            raise CacheUnavailable from None
        return text

    async def put(self, key: str, text: str) -> None:
        try:
            await self._client.set(KEY_PREFIX + key, text, ex=self._seconds)
        except self._error:
            raise CacheUnavailable from None


@asynccontextmanager
async def open_cache(where: str, entries: int, seconds: int) -> AsyncIterator[Cache | None]:
    """The cache of the setting `judge_cache`; a Redis that is away now may come back, so it is not asked here.

    Raises:
        CannotStart: the extra `redis` is not installed, or the address is none.
    """
    if where == "off":
        yield None
        return
    if where == "memory":
        yield MemoryCache(entries, seconds)
        return
    try:
        import redis.asyncio as redis  # noqa: PLC0415 - an optional extra
        from redis.exceptions import RedisError  # noqa: PLC0415
    except ImportError:
        raise CannotStart(
            "GRADER_JUDGE_CACHE names a Redis, and its client is not installed; run: pip install 'grader-service[redis]'"
        ) from None
    try:
        client = redis.from_url(
            where,
            decode_responses=True,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
        )
    except ValueError:
        raise CannotStart(
            "GRADER_JUDGE_CACHE is no Redis address; write redis://HOST:PORT/DB"
        ) from None
    async with client:
        yield RedisCache(client, RedisError, seconds)


def key_of(question: Question[Any], route: Route) -> str:
    """SHA-256 over all that can make a difference to the verdict, and whose it is: tenants share nothing."""
    sampling = question.sampling
    everything = [
        question.tenant,
        route.upstream,
        route.model,
        route.reasoning,
        list(question.messages),
        question.form.name,
        question.form.schema(),
        sampling.max_completions_tokens,
        sampling.temperature,
        sampling.top_p,
        sampling.seed,
        sampling.reasoning_effort,
    ]
    return hashlib.sha256(json.dumps(everything).encode()).hexdigest()
