"""Answers given once: a training job that repeats a request is told what it was told, and twins are graded once."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from cachetools import TTLCache

KEPT_SECONDS = 600.0
KEPT_BYTES = 64 * 1024 * 1024
ENTRY_BYTES = 600
"""What an answer takes besides its own bytes: objects, key, places in the maps."""


class Answers:
    """Encoded answers by the hash of what was asked, for ten minutes, at most 64 MiB of them."""

    def __init__(self) -> None:
        self._kept: TTLCache[bytes, bytes] = TTLCache(KEPT_BYTES, KEPT_SECONDS, getsizeof=_size)
        self._in_work: dict[bytes, asyncio.Future[bytes]] = {}

    async def once(
        self, question: tuple[bytes, ...], give: Callable[[], Awaitable[bytes]]
    ) -> bytes:
        """The answer to `question`, from memory, from a twin in work, or from `give`.

        Raises:
            whatever `give` raises, to every twin; nothing is kept then.
        """
        key = _key(question)
        if (kept := self._kept.get(key)) is not None:
            return kept
        if (twin := self._in_work.get(key)) is not None:
            return await asyncio.shield(twin)
        work = self._in_work[key] = asyncio.ensure_future(give())
        work.add_done_callback(lambda done: self._finish(key, done))
        return await asyncio.shield(work)

    def _finish(self, key: bytes, done: asyncio.Future[bytes]) -> None:
        del self._in_work[key]
        if done.cancelled() or done.exception() is not None:
            return
        answer = done.result()
        if _size(answer) <= KEPT_BYTES:
            self._kept[key] = answer


def _size(answer: bytes) -> int:
    return len(answer) + ENTRY_BYTES


def _key(question: tuple[bytes, ...]) -> bytes:
    digest = hashlib.sha256()
    for part in question:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
