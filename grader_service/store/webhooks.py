"""Webhook endpoints of the API: where a tenant wants its events sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update

from grader_service.store.database import Database
from grader_service.store.pages import Page, read_page
from grader_service.store.tables import WEBHOOKS


async def add(database: Database, values: Mapping[str, Any]) -> RowMapping:
    """A new endpoint as it is kept."""
    async with database.writing() as connection:
        made = await connection.execute(insert(WEBHOOKS).values(**values).returning(*WEBHOOKS.c))
        return made.mappings().one()


async def find(database: Database, tenant: str, webhook_id: str) -> RowMapping | None:
    async with database.reading() as connection:
        found = await connection.execute(
            select(WEBHOOKS).where(WEBHOOKS.c.tenant == tenant, WEBHOOKS.c.id == webhook_id)
        )
        return found.mappings().one_or_none()


async def count(database: Database, tenant: str) -> int:
    """How many a tenant has."""
    async with database.reading() as connection:
        found = await connection.scalars(select(WEBHOOKS.c.key).where(WEBHOOKS.c.tenant == tenant))
        return len(found.all())


async def page_of(database: Database, tenant: str, page: Page) -> tuple[Sequence[RowMapping], bool]:
    """Endpoints by the time of their making."""
    among = (WEBHOOKS.c.tenant == tenant,)
    async with database.reading() as connection:
        return await read_page(connection, (), among, (WEBHOOKS.c.created_at, WEBHOOKS.c.key), page)


async def change(database: Database, key: int, values: Mapping[str, Any]) -> RowMapping | None:
    """None where it was deleted meanwhile."""
    async with database.writing() as connection:
        made = await connection.execute(
            update(WEBHOOKS).where(WEBHOOKS.c.key == key).values(**values).returning(*WEBHOOKS.c)
        )
        return made.mappings().one_or_none()


async def remove(database: Database, tenant: str, webhook_id: str) -> bool:
    """With what waits to be sent; whether it was there."""
    async with database.writing() as connection:
        done = await connection.execute(
            delete(WEBHOOKS).where(WEBHOOKS.c.tenant == tenant, WEBHOOKS.c.id == webhook_id)
        )
    return done.rowcount > 0
