"""Worker processes for work that would hold up the event loop, and that can be killed.

Threads do not help where C code keeps the interpreter's lock, as rapidfuzz does for seconds; and
nothing can end a thread. A process ends at its deadline whatever it is doing.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from grader_service.errors import WorkersUnavailable

Answer = TypeVar("Answer")

MAX_WAITING = 256
"""How many calls may wait for a free worker; each holds its arguments in memory."""

_GRACE_SECONDS = 1


class _NeverBegan(Exception):
    """The pool did not take a work up, and should be given up; says why."""


class Workers:
    """At most `count` processes, started when the first work comes. Made by `open_workers`."""

    def __init__(self, count: int, memory_bytes: int, start_seconds: float) -> None:
        self._count = count
        self._memory_bytes = memory_bytes
        self._start_seconds = start_seconds
        self._free = asyncio.Semaphore(count)
        self._waiting = 0
        self._starting = asyncio.Lock()
        self._pool: ProcessPool | None = None
        self._running: set[ProcessFuture[Any]] = set()
        self._closed = False

    async def call(
        self, function: Callable[..., Answer], *args: Any, timeout_seconds: float
    ) -> Answer:
        """Run `function(*args)` in a worker; function, arguments and answer must be picklable.

        The wait for a free worker may take `timeout_seconds`, and then the work may. It is killed
        at its end, or when the caller is cancelled. What the function raises is raised here.

        Raises:
            TimeoutError: the work did not end in time.
            WorkersUnavailable: all workers were busy too long, the worker died, or none could be started.
        """
        await self._take_turn(timeout_seconds)
        try:
            pool = await self._running_pool()
            try:
                return await self._run(pool, function, args, timeout_seconds)
            except _NeverBegan as error:
                await self._give_up(pool)
                raise WorkersUnavailable(str(error)) from error
        finally:
            self._free.release()

    async def _take_turn(self, seconds: float) -> None:
        """Wait for a free worker, so that pebble never queues: there, killing a waiting work costs a worker."""
        if self._waiting >= MAX_WAITING:
            raise WorkersUnavailable(
                f"{self._waiting} works are waiting for a worker process already"
            )
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise WorkersUnavailable(
                f"all {self._count} worker processes were busy for {seconds:g} s; GRADER_WORKERS sets their number"
            ) from error
        finally:
            self._waiting -= 1

    async def _running_pool(self) -> ProcessPool:
        """The pool, anew where its processes have died; the start takes 20 ms and so happens in a thread."""
        async with self._starting:
            if self._closed:
                raise WorkersUnavailable("the worker processes were stopped")
            try:
                if self._pool is not None and not self._pool.active:
                    await self._stop_pool()
                if self._pool is None:
                    self._pool = ProcessPool(
                        self._count,
                        initializer=_prepare_process,
                        initargs=(self._memory_bytes,),
                        context=multiprocessing.get_context("spawn"),
                    )
                    await asyncio.to_thread(self._pool.schedule, int)
            except (RuntimeError, BrokenProcessPool) as error:
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise WorkersUnavailable(
                    f"no worker process could be started ({reason})"
                ) from error
            return self._pool

    async def _run(
        self,
        pool: ProcessPool,
        function: Callable[..., Answer],
        args: tuple[Any, ...],
        seconds: float,
    ) -> Answer:
        limited = (seconds + _GRACE_SECONDS, function, *args)
        try:
            future: ProcessFuture[Answer] = pool.schedule(_limited, limited, timeout=seconds)
        except RuntimeError as error:
            raise _NeverBegan("the worker processes died a moment ago") from error
        self._running.add(future)
        try:
            return await self._outcome(future, seconds)
        except ProcessExpired as error:
            raise WorkersUnavailable(
                f"the worker process died (exit code {error.exitcode})"
            ) from error
        except BrokenProcessPool as error:
            raise _NeverBegan("the worker processes died before the work began") from error
        finally:
            self._running.discard(future)

    async def _outcome(self, future: ProcessFuture[Answer], seconds: float) -> Answer:
        try:
            async with asyncio.timeout(self._start_seconds + seconds) as limit:
                answer: Answer = await asyncio.wrap_future(future)
                return answer
        except TimeoutError as error:
            if limit.expired():
                raise _NeverBegan(
                    f"no worker process was ready within {self._start_seconds:g} s"
                ) from error
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise WorkersUnavailable("the worker processes were stopped") from None

    async def _give_up(self, pool: ProcessPool) -> None:
        """Stop a pool that no longer works; the next call makes another."""
        async with self._starting:
            if self._pool is pool:
                await self._stop_pool()

    async def _stop_pool(self) -> None:
        """Kill all processes and wait for them and for pebble's threads, even if cancelled meanwhile."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        for future in tuple(self._running):  # pebble would leave them pending for ever
            future.cancel()  # type: ignore[no-untyped-call]
        pool.stop()  # type: ignore[no-untyped-call]
        joined = asyncio.ensure_future(asyncio.to_thread(pool.join))
        try:
            await asyncio.shield(joined)
        except asyncio.CancelledError:
            await joined
            raise

    async def close(self) -> None:
        """Kill what runs; its callers get WorkersUnavailable. Calling it again does nothing."""
        self._closed = True
        async with self._starting:
            await self._stop_pool()


@asynccontextmanager
async def open_workers(
    count: int, memory_bytes: int, start_seconds: float = 30
) -> AsyncIterator[Workers]:
    """Workers for as long as the context lasts; afterwards none of their processes and threads is left.

    `memory_bytes` is what one may take, on Linux, for its work beyond what it has when it starts;
    work that needs more raises MemoryError. A worker that has not begun `start_seconds` after it
    was given work counts as dead. Killing the whole server with SIGKILL ends idle
    workers at once, and busy ones at their deadline.
    """
    workers = Workers(count, memory_bytes, start_seconds)
    try:
        yield workers
    finally:
        await workers.close()


def _prepare_process(memory_bytes: int) -> None:
    """In the worker: let SIGTERM kill even while C code runs, give way to the server, and limit the memory."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if os.name != "nt":
        os.nice(10)
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # numpy's threads would count as memory, many on large machines
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - not on Windows

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _limited(seconds: float, function: Callable[..., Answer], *args: Any) -> Answer:
    """In the worker: run the function under an alarm, whose default action ends the process though its parent be gone."""
    if os.name != "nt":
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return function(*args)
    except MemoryError:
        pass  # its traceback holds what filled the memory, and would hold it until the next work has come
    finally:
        if os.name != "nt":
            signal.setitimer(signal.ITIMER_REAL, 0)
    raise MemoryError
