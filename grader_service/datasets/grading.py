"""Many samples through one grader: so many at once and no more in memory, each result as it comes."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar

from grader_service.graders.base import Grader
from grader_service.graders.context import Context
from grader_service.graders.result import Result

Key = TypeVar("Key")
Other = TypeVar("Other")

LONG_SECONDS: Final = 0.005
"""After so much work without a pause other requests get a turn."""


@asynccontextmanager
async def grading(
    grader: Grader,
    source: AsyncIterable[tuple[Key, Context | Other]],
    concurrency: int,
    slots: asyncio.Semaphore | None = None,
) -> AsyncIterator[AsyncIterator[tuple[Key, Result | Other]]]:
    """Results of `source` under their keys, in the order in which they are done.

    What is no `Context` is handed on as it is: a row that could not be read stays in the stream.
    The source is read no further than twice `concurrency` samples ahead of who takes the results.
    `slots` bounds what several of these do together. What the source raises ends the grades under
    way and is raised to the taker. Leaving the block, or cancelling it, ends every grade.

        async with grading(grader, source, 32) as results:
            async for key, result in results: ...
    """
    if not grader.waits:
        yield _one_by_one(grader, source)
        return
    window = _Window(grader, source, concurrency, slots or asyncio.Semaphore(concurrency))
    work = asyncio.create_task(window.work())
    try:
        yield window.results(work)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _one_by_one(
    grader: Grader, source: AsyncIterable[tuple[Key, Context | Other]]
) -> AsyncIterator[tuple[Key, Result | Other]]:
    """For graders that never suspend: no task, no queue, but a pause now and then."""
    pause = time.perf_counter() + LONG_SECONDS
    async for key, given in source:
        yield key, (await grader.grade(given) if isinstance(given, Context) else given)
        if time.perf_counter() > pause:
            await asyncio.sleep(0)
            pause = time.perf_counter() + LONG_SECONDS


class _End:
    """Stands behind the last result."""


class _Window(Generic[Key, Other]):
    """Some workers that share one source and one queue, so that no sample costs a task of its own."""

    def __init__(
        self,
        grader: Grader,
        source: AsyncIterable[tuple[Key, Context | Other]],
        concurrency: int,
        slots: asyncio.Semaphore,
    ) -> None:
        self._grader = grader
        self._source = aiter(source)
        self._concurrency = concurrency
        self._slots = slots
        self._turn = asyncio.Lock()
        self._room = asyncio.Semaphore(2 * concurrency)
        self._done: asyncio.Queue[tuple[Key, Result | Other] | _End] = asyncio.Queue()

    async def work(self) -> None:
        """Until the source has no more; what it raises ends the workers, too."""
        workers = [asyncio.create_task(self._work()) for _ in range(self._concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._done.put_nowait(_End())

    async def _work(self) -> None:
        while True:
            await self._room.acquire()
            async with self._turn:
                try:
                    key, given = await anext(self._source)
                except StopAsyncIteration:
                    return
            if not isinstance(given, Context):
                self._done.put_nowait((key, given))
                continue
            async with self._slots:
                result = await self._grader.grade(given)
            self._done.put_nowait((key, result))

    async def results(self, work: asyncio.Task[None]) -> AsyncIterator[tuple[Key, Result | Other]]:
        while not isinstance(done := await self._done.get(), _End):
            yield done
            self._room.release()
        await work
