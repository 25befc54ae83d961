"""Many samples through one grader: so many at once and no more in memory, each result as it comes."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar

from grader_service.graders.base import Grader
from grader_service.graders.context import Context
from grader_service.graders.result import Result

Key = TypeVar("Key")
Given = TypeVar("Given")
Done = TypeVar("Done")
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
    """Results of `source` under their keys, in the order in which they are done; else as `working`.

    What is no `Context` is handed on as it is: a row that could not be read stays in the stream.

        async with grading(grader, source, 32) as results:
            async for key, result in results: ...
    """
    if not grader.waits:
        yield _one_by_one(grader, source)
        return

    async def grade(given: Context | Other) -> Result | Other:
        return await grader.grade(given) if isinstance(given, Context) else given

    async with working(grade, source, concurrency, slots) as results:
        yield results


@asynccontextmanager
async def working(
    work: Callable[[Given], Awaitable[Done]],
    source: AsyncIterable[tuple[Key, Given]],
    concurrency: int,
    slots: asyncio.Semaphore | None = None,
) -> AsyncIterator[AsyncIterator[tuple[Key, Done]]]:
    """What `work` makes of all that `source` gives, under their keys, in the order in which it is done.

    The source is read no further than twice `concurrency` ahead of who takes what is done.
    `slots` bounds what several of these do together. What the source or the work raises ends the
    works under way and is raised to the taker. Leaving the block, or cancelling it, ends them, too.
    """
    window = _Window(work, source, concurrency, slots or asyncio.Semaphore(concurrency))
    working = asyncio.create_task(window.work())
    try:
        yield window.results(working)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


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


class _Window(Generic[Key, Given, Done]):
    """Some workers that share one source and one queue, so that no work costs a task of its own."""

    def __init__(
        self,
        work: Callable[[Given], Awaitable[Done]],
        source: AsyncIterable[tuple[Key, Given]],
        concurrency: int,
        slots: asyncio.Semaphore,
    ) -> None:
        self._do = work
        self._source = aiter(source)
        self._concurrency = concurrency
        self._slots = slots
        self._turn = asyncio.Lock()
        self._room = asyncio.Semaphore(2 * concurrency)
        self._done: asyncio.Queue[tuple[Key, Done] | _End] = asyncio.Queue()

    async def work(self) -> None:
        """Until the source has no more; what is raised ends all workers."""
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
            async with self._slots:
                done = await self._do(given)
            self._done.put_nowait((key, done))

    async def results(self, work: asyncio.Task[None]) -> AsyncIterator[tuple[Key, Done]]:
        while not isinstance(done := await self._done.get(), _End):
            yield done
            self._room.release()
        await work
