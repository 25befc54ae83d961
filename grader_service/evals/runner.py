"""Works on runs: claims those that nobody has, grades them side by side, and hands them back when the server stops."""

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
from sqlalchemy import RowMapping

from grader_service import jsontext
from grader_service.errors import StoreUnavailable
from grader_service.evals.ending import Ending, ending_of
from grader_service.evals.job import Job, Worker
from grader_service.evals.turns import Turns
from grader_service.events import RunEnd, RunEnded, RunStarted, StoreFailed
from grader_service.graders.context import Context, Engines
from grader_service.settings import Settings
from grader_service.store import files, leases, runs
from grader_service.store.database import Database

POLL_SECONDS: Final = 0.5
DEAD_SECONDS: Final = 3.0
RENEW_SECONDS: Final = leases.LEASE_SECONDS / 3
SWEEP_SECONDS: Final = 60.0
MOST_JOBS: Final = 16
"""Runs of one tenant that one process works on at once; each holds a piece of its rows in memory."""


class Runner:
    """`nudge` it when there is something new; without, it looks by itself twice a second."""

    def __init__(self, database: Database, engines: Engines, settings: Settings) -> None:
        self._database = database
        self._engines = engines
        self._settings = settings
        self._observe = engines.observe
        self._nudged = asyncio.Event()
        self._jobs: dict[int, tuple[Job, asyncio.Task[None]]] = {}
        self._worker = Worker(
            database,
            Turns(settings.share(settings.eval_concurrency)),
            leases.owner_name(secrets.token_hex(4)),
            engines.observe,
        )

    def nudge(self) -> None:
        """Look now: a run was made, cancelled or deleted here."""
        self._nudged.set()

    async def work(self) -> None:
        """Until cancelled; then what is under way is written down and free for others."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._repeat, self._look, POLL_SECONDS, self._nudged)
                tasks.start_soon(self._repeat, self._renew, RENEW_SECONDS)
                tasks.start_soon(self._repeat, self._free_the_dead, DEAD_SECONDS)
                tasks.start_soon(self._repeat, self._sweep, SWEEP_SECONDS)
        finally:
            with anyio.CancelScope(shield=True), contextlib.suppress(StoreUnavailable):
                await self._stop()

    async def _repeat(
        self,
        step: Callable[[], Coroutine[Any, Any, None]],
        seconds: float,
        nudged: asyncio.Event | None = None,
    ) -> None:
        """Do one thing again and again; neither a database that is away for a while nor a defect of ours ends it."""
        while True:
            error = await _outcome(step())
            if isinstance(error, StoreUnavailable):
                self._observe(StoreFailed(str(error)))
            elif error is not None:
                self._observe(StoreFailed(type(error).__name__, error))
            with anyio.move_on_after(seconds):
                await (nudged or asyncio.Event()).wait()
            if nudged is not None:
                nudged.clear()

    async def _look(self) -> None:
        """Stop what is no longer ours, free what was dropped over a fault of the database, take what is free."""
        held = await leases.held(self._database, self._worker.owner)
        for lost in self._jobs.keys() - held:
            self._jobs[lost][1].cancel()
        if dropped := held - self._jobs.keys():
            await leases.hand_back(self._database, self._worker.owner, dropped)
        while (key := await self._next_key()) is not None:
            row = await leases.claim(self._database, key, self._worker.owner)
            if row is not None:
                self._start(row)

    async def _next_key(self) -> int | None:
        """The oldest free run of the tenant of whom the fewest are worked on here."""
        active = Counter(job.row["tenant"] for job, _ in self._jobs.values())
        full = [tenant for tenant, count in active.items() if count >= MOST_JOBS]
        free = await leases.oldest_claimable(self._database, full)
        tenant = min(free, key=lambda name: active[name], default=None)
        return None if tenant is None else free[tenant]

    def _start(self, row: RowMapping) -> None:
        context = Context(
            item={},
            sample={},
            engines=self._engines,
            tenant=row["tenant"],
            request_id=row["id"],
            deadline_seconds=self._settings.deadline_seconds,
            of_batch=True,
        )
        job = Job(self._worker, row, context)
        self._observe(RunStarted(row["id"], row["total"]))
        task = asyncio.create_task(self._see_through(job))
        self._jobs[row["key"]] = job, task
        task.add_done_callback(lambda _: self._forget(row["key"]))

    def _forget(self, key: int) -> None:
        del self._jobs[key]
        self._nudged.set()

    async def _see_through(self, job: Job) -> None:
        """Whatever way a job goes, its run has an end, or stays for whoever can go on with it."""
        started = time.monotonic()
        error = await _outcome(job.run())
        ending = ending_of(error)
        if isinstance(ending, StoreFailed):
            self._observe(ending)
        elif ending is not None:
            await self._end(job, ending, time.monotonic() - started)

    async def _end(self, job: Job, ending: Ending, seconds: float) -> None:
        if ending.error is not None:
            try:
                told = jsontext.dumps(ending.error).decode()
                await leases.finish(
                    self._database, job.row["key"], self._worker.owner, "failed", told
                )
            except leases.LeaseLost:
                return
            except StoreUnavailable as error:
                self._observe(StoreFailed(str(error)))
                return
        status: RunEnd = "completed" if ending.error is None else "failed"
        self._observe(RunEnded(job.row["id"], status, seconds, ending.defect))

    async def _renew(self) -> None:
        if self._jobs:
            await leases.renew(self._database, self._worker.owner, self._jobs.keys())

    async def _free_the_dead(self) -> None:
        """The runs of servers of this machine that were killed need not wait for their leases' end."""
        await leases.free_the_dead(self._database)

    async def _sweep(self) -> None:
        await files.sweep(self._database)
        if self._settings.retention_days is not None:
            await runs.sweep(self._database, self._settings.retention_days)

    async def _stop(self) -> None:
        tasks = [task for _, task in self._jobs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        held = await leases.held(self._database, self._worker.owner)
        await leases.hand_back(self._database, self._worker.owner, held)


async def _outcome(work: Coroutine[Any, Any, None]) -> BaseException | None:
    """What a piece of work raised, whatever it is: nobody waits for it who could be told. Ends with the caller."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
        await asyncio.wait({task})
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
    return error


@asynccontextmanager
async def open_runner(
    database: Database, engines: Engines, settings: Settings
) -> AsyncIterator[Runner]:
    """A runner that works while the context lasts."""
    runner = Runner(database, engines, settings)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(runner.work)
        yield runner
        tasks.cancel_scope.cancel()
