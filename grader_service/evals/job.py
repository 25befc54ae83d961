"""The work on one run: from its rows to its output items."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import anyio
from sqlalchemy import RowMapping

from grader_service import jsontext
from grader_service.datasets.rows import RowFault, parse_row
from grader_service.errors import GraderServiceError
from grader_service.evals.criteria import criteria_of
from grader_service.evals.data_source import sampled
from grader_service.evals.output import Output, Task, grade_row
from grader_service.evals.row_text import Line, lines_of
from grader_service.evals.tally import Tally
from grader_service.evals.turns import Share, Turns
from grader_service.events import Observe, RowsGraded
from grader_service.graders.context import Context
from grader_service.store import files, items, leases
from grader_service.store.database import Database

BATCH_ROWS = 500
BATCH_BYTES = 4 * 1024 * 1024
FLUSH_SECONDS = 0.25
WEIGHT_BYTES = 128 * 1024
"""A row takes one part of the capacity for each so many bytes."""


class RunBroken(GraderServiceError):
    """The run cannot go on, whoever works on it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Worker:
    """What all jobs of one server have in common; `owner` is its name in leases."""

    database: Database
    turns: Turns
    owner: str
    observe: Observe


class Job:
    """A run that this process has the lease of. `row` is the run as it was claimed."""

    def __init__(self, worker: Worker, row: RowMapping, ctx: Context) -> None:
        self._worker = worker
        self._ctx = ctx
        self.row = row
        self._key: int = row["key"]
        self._share = Share(row["tenant"])
        self._rows_lock = asyncio.Lock()
        self._pending: list[Output] = []
        self._pending_bytes = 0
        self._full = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._flushing = asyncio.Lock()

    async def run(self) -> None:
        """Grade what is not graded yet, and say that the run is complete.

        Cancelled, it keeps what it has graded; the lease stays with the process.

        Raises:
            LeaseLost: the run belongs to somebody else now, or to nobody.
            RunBroken: it cannot be completed.
        """
        task, self._tally = self._prepared()
        rows = self._rows()
        workers = max(1, min(self._worker.turns.capacity * 3 // 4, self.row["total"]))
        try:
            async with anyio.create_task_group() as around:
                around.start_soon(self._flush_regularly)
                async with anyio.create_task_group() as tasks:
                    for _ in range(workers):
                        tasks.start_soon(self._grade_rows, task, rows)
                around.cancel_scope.cancel()
        finally:
            await rows.aclose()
            await self._flush()
        await leases.finish(self._worker.database, self._key, self._worker.owner, "completed")

    def _prepared(self) -> tuple[Task, Tally]:
        """Read from what is stored as the run's own work: what is wrong with it ends this run alone."""
        criteria = criteria_of(self.row["criteria"])
        task = Task(self._key, criteria, sampled(jsontext.kept(self.row["data_source"])))
        return task, Tally(self.row, [criterion.id for criterion in criteria])

    async def _rows(self) -> AsyncGenerator[Line, None]:
        """The rows without an output item."""
        database = self._worker.database
        done = bytearray(self.row["total"])
        for position in await items.positions(database, self._key):
            done[position] = 1
        try:
            if self.row["content_key"] is None:
                raise files.FileGone
            async for line in lines_of(files.chunks(database, self.row["content_key"])):
                if not done[line.index]:
                    yield line
        except files.FileGone:
            message = "The run's file was deleted before all was graded."
            raise RunBroken("file_deleted", message) from None

    async def _grade_rows(self, task: Task, rows: AsyncGenerator[Line, None]) -> None:
        """The next row is read by who waits for its turn, one at a time: no more rows are held than are graded."""
        turns = self._worker.turns
        while True:
            async with self._rows_lock:
                line = await anext(rows, None)
                if line is None:
                    return
                taken = await turns.take(self._share, 1 + len(line.text) // WEIGHT_BYTES)
            try:
                output = await self._grade(task, line)
            finally:
                turns.give_back(self._share, taken)
            self._pending.append(output)
            self._pending_bytes += output.bytes
            if len(self._pending) >= BATCH_ROWS or self._pending_bytes >= BATCH_BYTES:
                self._room.clear()
                self._full.set()
            await self._room.wait()

    async def _grade(self, task: Task, line: Line) -> Output:
        try:
            row = parse_row(line.text, line.index, line.number)
        except RowFault as fault:  # it was looked at when the run was made
            raise RunBroken("invalid_file", f"line {fault.line}: {fault.message}") from None
        return await grade_row(task, row, self._ctx)

    async def _flush_regularly(self) -> None:
        while True:
            with anyio.move_on_after(FLUSH_SECONDS):
                await self._full.wait()
            self._full.clear()
            await self._flush()

    async def _flush(self) -> None:
        """Write what is graded, whole: a cancellation waits until it is done."""
        with anyio.CancelScope(shield=True):
            async with self._flushing:
                batch, self._pending, self._pending_bytes = self._pending, [], 0
                self._room.set()
                if not batch:
                    return
                for output in batch:
                    self._tally.add(output.counted)
                await leases.record(
                    self._worker.database,
                    self._key,
                    self._worker.owner,
                    [output.values for output in batch],
                    self._tally.columns(),
                )
                outcomes = Counter(output.counted.outcome for output in batch)
                self._worker.observe(RowsGraded(outcomes))
