"""Copies evals with their runs and output items, several runs side by side."""

from dataclasses import dataclass
from typing import Any, Final

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream

from grader_service import jsontext
from grader_service.evals.migrate import told
from grader_service.evals.migrate.base import NotHandedOut, Source, Told
from grader_service.evals.migrate.ledger import Expected, Ledger
from grader_service.store import imports
from grader_service.store.database import Database
from grader_service.store.leases import LeaseLost

AT_ONCE: Final = 4
"""Runs; each asks for one page at a time."""


@dataclass(frozen=True, slots=True)
class _Run:
    eval_key: int
    eval_id: str
    told: Told


class RunCopies:
    """Into one tenant's part of the store."""

    def __init__(self, source: Source, database: Database, tenant: str, ledger: Ledger) -> None:
        self._source = source
        self._database = database
        self._tenant = tenant
        self._ledger = ledger

    async def copy_all(self) -> None:
        """Everything that has ended.

        Raises:
            CannotStart, NotHandedOut: the list of evals cannot be had.
        """
        send, receive = anyio.create_memory_object_stream[_Run](AT_ONCE)
        async with anyio.create_task_group() as tasks, receive:
            for _ in range(AT_ONCE):
                tasks.start_soon(self._copy_runs, receive.clone())
            async with send:
                async for page in self._source.evals():
                    for each in page:
                        with self._ledger.losing_only("eval", each["id"]):
                            await self._copy_eval(each, send)

    async def _copy_eval(self, eval_told: Told, runs: ObjectSendStream[_Run]) -> None:
        """The eval itself; its runs go to whoever copies runs."""
        eval_id = eval_told["id"]
        self._ledger.count("eval", source=1)
        self._ledger.evals.append(eval_id)
        values = told.eval_values(self._tenant, eval_told)
        key, is_new = await imports.put_eval(self._database, values)
        self._ledger.count("eval", here=1, new=int(is_new))
        self._note_eval(eval_told)
        with self._ledger.losing_only("eval", eval_id, "its runs: "):
            async for page in self._source.runs(eval_id):
                for each in page:
                    self._ledger.count("run", source=1)
                    await runs.send(_Run(key, eval_id, each))

    def _note_eval(self, eval_told: Told) -> None:
        eval_id = eval_told["id"]
        for name in told.masked_headers(eval_told["testing_criteria"]):
            self._ledger.note(
                "eval",
                eval_id,
                f"the source masks the headers of its criterion {name!r}: for new runs make the eval anew with its secrets",
            )
        if not told.can_grade(eval_told["testing_criteria"]):
            self._ledger.note(
                "eval",
                eval_id,
                "has criteria of a kind that this server cannot grade: it can be read, and not run",
            )
        kind = eval_told["data_source_config"].get("type")
        if kind != "custom":
            self._ledger.note(
                "eval",
                eval_id,
                f"reads {kind} of the source's store: it can be read here, and run with rows of your own",
            )

    async def _copy_runs(self, runs: ObjectReceiveStream[_Run]) -> None:
        async with runs:
            async for run in runs:
                with self._ledger.losing_only("run", run.told["id"]):
                    await self._copy_run(run)

    async def _copy_run(self, run: _Run) -> None:
        form = told.read(told.ToldRun, run.told)
        if form.status not in told.ENDED:
            raise NotHandedOut(f"is still {form.status}; run migrate again when it is done")
        whole = form.status == "completed"
        total = form.result_counts.total
        values = told.run_values(self._tenant, run.eval_key, run.told)
        row = await imports.begin_run(self._database, values)
        if row["lease_owner"] != imports.OWNER:
            self._ledger.runs[form.id] = Expected(total, None, whole)
            self._ledger.count("run", here=1)
            return
        try:
            listed = await self._copy_items(run, row["key"], jsontext.loads(row["tally"]))
            await imports.finish_run(self._database, row["key"], _end(values))
        except LeaseLost:
            raise NotHandedOut(
                "was cancelled, deleted or brought by another migration here while it was copied"
            ) from None
        self._ledger.runs[form.id] = Expected(total, listed, whole)
        self._ledger.count("run", here=1, new=1)

    async def _copy_items(self, run: _Run, key: int, reached: dict[str, Any]) -> int:
        """From where an earlier copy got to; returns how many the source has listed in all."""
        listed = int(reached.get("listed", 0))
        run_id = run.told["id"]
        async for page in self._source.items(run.eval_id, run_id, reached.get("after")):
            items = []
            for each in page:
                with self._ledger.losing_only("output item", each["id"]):
                    items.append(told.item_values(key, each))
                    self._note_item(run_id, each)
            listed += len(page)
            reached = {"after": page[-1]["id"], "listed": listed}
            new = await imports.add_page(
                self._database, key, items, jsontext.dumps(reached).decode()
            )
            self._ledger.count("output item", source=len(page), here=new, new=new)
        return listed

    def _note_item(self, run_id: str, item: Told) -> None:
        for key in item.keys() - told.ITEM_KEYS:
            self._ledger.note("run", run_id, f"its output items have {key!r}, which is not kept")


def _end(values: dict[str, Any]) -> dict[str, Any]:
    """What the run is when it is whole; what it was begun with stays."""
    fixed = ("tenant", "id", "eval_key", "created_at", "data_source")
    return {key: value for key, value in values.items() if key not in fixed}
