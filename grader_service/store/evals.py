"""Evals: what data looks like, and the criteria that it is graded by."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grader_service.store.database import Database
from grader_service.store.pages import Page, read_page
from grader_service.store.tables import EVALS, FILES, RUNS


async def add(database: Database, values: Mapping[str, Any]) -> RowMapping:
    """A new eval as it is kept."""
    async with database.writing() as connection:
        made = await connection.execute(insert(EVALS).values(**values).returning(*EVALS.c))
        return made.mappings().one()


async def find(database: Database, tenant: str, eval_id: str) -> RowMapping | None:
    async with database.reading() as connection:
        found = await connection.execute(
            select(EVALS).where(EVALS.c.tenant == tenant, EVALS.c.id == eval_id)
        )
        return found.mappings().one_or_none()


async def page_of(
    database: Database, tenant: str, order_by: str, page: Page
) -> tuple[Sequence[RowMapping], bool]:
    """`order_by` is "created_at" or "updated_at"."""
    async with database.reading() as connection:
        return await read_page(
            connection, (), (EVALS.c.tenant == tenant,), (EVALS.c[order_by], EVALS.c.key), page
        )


async def change(database: Database, key: int, label: str, now: int) -> RowMapping | None:
    """Another name or metadata; None where it was deleted meanwhile."""
    async with database.writing() as connection:
        made = await connection.execute(
            update(EVALS)
            .where(EVALS.c.key == key)
            .values(label=label, updated_at=now)
            .returning(*EVALS.c)
        )
        return made.mappings().one_or_none()


async def remove(database: Database, tenant: str, eval_id: str) -> bool:
    """With its runs, their items, and the rows that came with them; whether it was there."""
    async with database.writing() as connection:
        key = await connection.scalar(
            select(EVALS.c.key).where(EVALS.c.tenant == tenant, EVALS.c.id == eval_id)
        )
        if key is None:
            return False
        await _drop_inline(connection, key)
        await connection.execute(delete(EVALS).where(EVALS.c.key == key))
    return True


async def _drop_inline(connection: AsyncConnection, key: int) -> None:
    used = select(RUNS.c.content_key).where(RUNS.c.eval_key == key)
    await connection.execute(used.with_for_update())  # as `runs.drop_inline`
    await connection.execute(delete(FILES).where(FILES.c.key.in_(used), FILES.c.state == "inline"))
