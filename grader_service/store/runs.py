"""Runs as the API sees them; what works on them is in `leases`."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Integer, RowMapping, cast, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from grader_service.errors import GraderServiceError
from grader_service.store import deliveries
from grader_service.store.database import Database
from grader_service.store.pages import Page, read_page
from grader_service.store.tables import EVALS, FILES, OUTPUT_ITEMS, RUNS

UNFINISHED = ("queued", "in_progress")


class RunOrphaned(GraderServiceError):
    """The eval of a new run, or its file, was deleted meanwhile."""


async def add(connection: AsyncConnection, values: Mapping[str, Any]) -> RowMapping:
    """A new run as it is kept.

    Raises:
        RunOrphaned: see there.
    """
    nothing = {"passed": 0, "failed": 0, "errored": 0, "tally": "{}"}
    state = {"status": "queued", "items_dropped": False, "lease_until": 0.0}
    try:
        made = await connection.execute(
            insert(RUNS).values({**nothing, **state, **values}).returning(*RUNS.c)
        )
    except IntegrityError:
        raise RunOrphaned from None
    return made.mappings().one()


async def find(database: Database, tenant: str, eval_id: str, run_id: str) -> RowMapping | None:
    """The run, with its eval's criteria as `criteria`."""
    async with database.reading() as connection:
        found = await connection.execute(
            select(RUNS, EVALS.c.criteria)
            .join(EVALS)
            .where(RUNS.c.tenant == tenant, RUNS.c.id == run_id, EVALS.c.id == eval_id)
        )
        return found.mappings().one_or_none()


async def page_of(
    database: Database, eval_key: int, status: str | None, page: Page
) -> tuple[Sequence[RowMapping], bool]:
    """Runs of one eval by the time of their making."""
    wanted = () if status is None else (RUNS.c.status == status,)
    async with database.reading() as connection:
        return await read_page(
            connection,
            wanted,
            (RUNS.c.eval_key == eval_key,),
            (RUNS.c.created_at, RUNS.c.key),
            page,
        )


async def cancel(database: Database, key: int) -> bool:
    """End it as it is, whoever works on it; whether it was not at its end yet."""
    async with database.writing() as connection:
        done = await connection.execute(
            update(RUNS)
            .where(RUNS.c.key == key, RUNS.c.status.in_(UNFINISHED))
            .values(
                status="canceled",
                finished_at=cast(database.clock, Integer),
                lease_owner=None,
                lease_until=0.0,
            )
        )
        if done.rowcount == 0:
            return False
        await drop_inline(connection, key)
        await deliveries.enqueue(database, connection, key, "canceled")
    return True


async def remove(database: Database, key: int) -> bool:
    """With its items; whether it was there."""
    async with database.writing() as connection:
        await drop_inline(connection, key)
        done = await connection.execute(delete(RUNS).where(RUNS.c.key == key))
    return done.rowcount > 0


async def drop_inline(connection: AsyncConnection, key: int) -> None:
    """The rows that came in the run's own request are needed until its end only."""
    used = select(RUNS.c.content_key).where(RUNS.c.key == key)
    await connection.execute(
        used.with_for_update()
    )  # first, as all do, or two could block each other
    await connection.execute(delete(FILES).where(FILES.c.key.in_(used), FILES.c.state == "inline"))


async def sweep(database: Database, days: float) -> int:
    """Delete the output items of runs that ended so many days ago; returns of how many runs."""
    async with database.reading() as connection:
        old = (
            await connection.scalars(
                select(RUNS.c.key).where(
                    RUNS.c.finished_at < database.clock - days * 86400,
                    RUNS.c.items_dropped.is_(False),
                )
            )
        ).all()
    for key in old:  # one at a time: SQLite has one writer, and others wait for it
        async with database.writing() as connection:
            await connection.execute(delete(OUTPUT_ITEMS).where(OUTPUT_ITEMS.c.run_key == key))
            await connection.execute(
                update(RUNS).where(RUNS.c.key == key).values(items_dropped=True)
            )
    return len(old)
