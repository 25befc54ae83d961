"""Evals, runs, items and files that come from another server, with the ids they have there.

A run that is being copied is shown as in progress, under a lease that does not end and that no server of ours
can have: nobody grades it, and whoever copies goes on with it. Where it got to stands in its tally.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import RowMapping, Table, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from grader_service.store.database import Database
from grader_service.store.leases import LeaseLost
from grader_service.store.tables import EVALS, FILES, OUTPUT_ITEMS, RUNS
from grader_service.store.uploads import Upload

OWNER: Final = "(migration)|0|0|0"
"""No machine has this name."""

_Thing = TypeVar("_Thing")
_NEVER: Final = 1e18
_AT_ONCE: Final = 500
"""Ids asked for, or rows added, by one statement."""


async def _add_missing(
    database: Database, connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> int:
    """Insert those that are not there; returns how many."""
    insert = (sqlite if database.is_sqlite else postgresql).insert
    new = 0
    for some in _some(rows):  # one statement each: drivers do not count the rows of several
        made = await connection.execute(insert(table).values(some).on_conflict_do_nothing())
        new += made.rowcount
    return new


async def put_eval(database: Database, values: Mapping[str, Any]) -> tuple[int, bool]:
    """Keep an eval unless it is there; its key, and whether it is new."""
    async with database.writing() as connection:
        new = await _add_missing(database, connection, EVALS, [values])
        key = await connection.scalar(
            select(EVALS.c.key).where(
                EVALS.c.tenant == values["tenant"], EVALS.c.id == values["id"]
            )
        )
        assert key is not None  # nobody deletes it in this transaction
        return int(key), new == 1


async def begin_run(database: Database, values: Mapping[str, Any]) -> RowMapping:
    """The run as it is kept: new, half copied, or whole."""
    start = {
        "status": "in_progress",
        "finished_at": None,
        "passed": 0,
        "failed": 0,
        "errored": 0,
        "tally": "{}",
        "error": None,
        "items_dropped": False,
        "lease_owner": OWNER,
        "lease_until": _NEVER,
    }
    async with database.writing() as connection:
        await _add_missing(database, connection, RUNS, [{**values, **start}])
        found = await connection.execute(
            select(RUNS).where(RUNS.c.tenant == values["tenant"], RUNS.c.id == values["id"])
        )
        return found.mappings().one()


async def add_page(
    database: Database, key: int, items: Sequence[Mapping[str, Any]], tally: str
) -> int:
    """Keep a page of items, and in the tally where the next begins, both or neither; how many are new.

    Raises:
        LeaseLost: somebody cancelled or deleted the run here.
    """
    async with database.writing() as connection:
        await _change(connection, key, {"tally": tally})
        return await _add_missing(database, connection, OUTPUT_ITEMS, items) if items else 0


async def finish_run(database: Database, key: int, values: Mapping[str, Any]) -> None:
    """The run is whole. Raises as `add_page`."""
    async with database.writing() as connection:
        await _change(connection, key, {**values, "lease_owner": None, "lease_until": 0.0})


async def _change(connection: AsyncConnection, key: int, values: Mapping[str, Any]) -> None:
    done = await connection.execute(
        update(RUNS).where(RUNS.c.key == key, RUNS.c.lease_owner == OWNER).values(**values)
    )
    if done.rowcount != 1:
        raise LeaseLost


async def show_file(database: Database, upload: Upload, values: Mapping[str, Any]) -> None:
    """A file whose content is whole gets the id that it has at the source."""
    async with database.writing() as connection:
        await upload.finish(connection, "there", **values)


async def evals_here(database: Database, tenant: str, ids: Sequence[str]) -> set[str]:
    """Those of the ids that are an eval of the tenant."""
    found: set[str] = set()
    async with database.reading() as connection:
        for some in _some(ids):
            query = select(EVALS.c.id).where(EVALS.c.tenant == tenant, EVALS.c.id.in_(some))
            found.update(await connection.scalars(query))
    return found


async def runs_here(database: Database, tenant: str, ids: Sequence[str]) -> dict[str, int]:
    """How many output items each of these runs has; none for a run that is not whole."""
    found: dict[str, int] = {}
    async with database.reading() as connection:
        for some in _some(ids):
            query = (
                select(RUNS.c.id, func.count(OUTPUT_ITEMS.c.position))
                .outerjoin(OUTPUT_ITEMS)
                .where(
                    RUNS.c.tenant == tenant,
                    RUNS.c.id.in_(some),
                    RUNS.c.finished_at.is_not(None),
                )
                .group_by(RUNS.c.id)
            )
            found.update(tuple(row) for row in await connection.execute(query))
    return found


async def files_here(database: Database, tenant: str, ids: Sequence[str]) -> dict[str, int]:
    """The bytes of each of these files."""
    found: dict[str, int] = {}
    async with database.reading() as connection:
        for some in _some(ids):
            query = select(FILES.c.id, FILES.c.bytes).where(
                FILES.c.tenant == tenant, FILES.c.state == "there", FILES.c.id.in_(some)
            )
            found.update(tuple(row) for row in await connection.execute(query))
    return found


def _some(things: Sequence[_Thing]) -> list[Sequence[_Thing]]:
    return [things[start : start + _AT_ONCE] for start in range(0, len(things), _AT_ONCE)]
