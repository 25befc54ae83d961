"""A run that is well enough described to be worked on becomes one."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

from grader_service import jsontext
from grader_service.errors import RequestRefused
from grader_service.evals import data_source, ids
from grader_service.evals.bodies import CreateRun, FileId
from grader_service.evals.incoming import CONTENT, IncomingRun, look_at_file
from grader_service.judge.sampler import Sampler
from grader_service.store import files, runs
from grader_service.store.database import Database


async def accept(
    of_eval: RowMapping,
    body: CreateRun,
    sent: Mapping[str, Any],
    incoming: IncomingRun,
    sampler: Sampler,
) -> RowMapping:
    """The queued run. `sent` is the data source as it came, whose rows `incoming` has.

    Raises:
        RequestRefused: 404 where the eval or the file goes meanwhile, 400 where the model cannot be asked, the file is not there or no JSONL, or there is no row.
    """
    warnings = data_source.check(sent, sampler)
    source = body.data_source.source
    database = incoming.database
    content_key = None
    if isinstance(source, FileId):
        content_key, total = await _rows_of_file(database, of_eval["tenant"], source.id, incoming)
    else:
        total = incoming.total
    if total == 0:
        param = "data_source.source.id" if isinstance(source, FileId) else CONTENT
        raise RequestRefused("There is no row to grade.", param=param)
    values = {
        "tenant": of_eval["tenant"],
        "id": ids.new_run(),
        "eval_key": of_eval["key"],
        "created_at": incoming.created_at,
        "label": _text({"name": body.name or "", "metadata": body.metadata or {}}),
        "data_source": _text(data_source.shown(sent, incoming.shown, total)),
        "total": total,
        "warnings": _text(warnings + incoming.schema.warnings()),
    }
    try:
        async with database.writing() as connection:
            if content_key is None:
                content_key = await incoming.keep(connection)
            return await runs.add(connection, {**values, "content_key": content_key})
    except runs.RunOrphaned:
        raise RequestRefused(
            "The eval, or the file that the run names, was deleted while the request came.",
            status=404,
        ) from None


async def _rows_of_file(
    database: Database, tenant: str, file_id: str, incoming: IncomingRun
) -> tuple[int, int]:
    row = await files.find(database, tenant, file_id) if ids.is_possible(file_id) else None
    if row is None:
        raise RequestRefused(
            f"No file has the id {file_id[:100]!r}.", param="data_source.source.id"
        )
    total = await look_at_file(database, row["key"], row["filename"], incoming.schema)
    return row["key"], total


def _text(value: Any) -> str:
    return jsontext.dumps(value).decode()
