"""Events that wait to be sent to webhooks; each is written in the transaction that makes it true."""

import secrets
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

from sqlalchemy import Integer, RowMapping, cast, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grader_service.store.database import Database
from grader_service.store.tables import DELIVERIES, RUNS, WEBHOOKS

EventType = Literal["eval.run.succeeded", "eval.run.failed", "eval.run.canceled"]
"""All that this service sends, of the many that the SDK knows."""

_OF_STATUS: Final[Mapping[str, EventType]] = MappingProxyType(
    {
        "completed": "eval.run.succeeded",
        "failed": "eval.run.failed",
        "canceled": "eval.run.canceled",
    }
)


async def enqueue(
    database: Database, connection: AsyncConnection, run_key: int, status: str
) -> None:
    """An event for each webhook of the run's tenant that wants it; one id for all of them."""
    event_type = _OF_STATUS[status]
    tenant, run_id = (
        await connection.execute(select(RUNS.c.tenant, RUNS.c.id).where(RUNS.c.key == run_key))
    ).one()
    wanting = await connection.scalars(
        select(WEBHOOKS.c.key).where(
            WEBHOOKS.c.tenant == tenant, WEBHOOKS.c.event_types.contains(f'"{event_type}"')
        )
    )
    event_id = new_event_id()
    for webhook_key in wanting.all():
        await connection.execute(
            insert(DELIVERIES).values(
                webhook_key=webhook_key,
                event_id=event_id,
                event_type=event_type,
                subject=run_id,
                created_at=cast(database.clock, Integer),
                tries=0,
                next_at=0.0,
            )
        )


def new_event_id() -> str:
    return f"evt_{secrets.token_hex(16)}"


async def claim(database: Database, at_most: int, seconds: float) -> Sequence[RowMapping]:
    """What is due, with the address and the secrets; nobody else gets it for so many seconds.

    Tenants take turns, or one whose receivers hang would keep the others waiting.
    """
    turn = func.row_number().over(partition_by=WEBHOOKS.c.tenant, order_by=DELIVERIES.c.next_at)
    async with database.reading() as connection:
        due = (
            await connection.scalars(
                select(DELIVERIES.c.key)
                .join(WEBHOOKS)
                .where(DELIVERIES.c.next_at <= database.clock)
                .order_by(turn, DELIVERIES.c.next_at)
                .limit(at_most)
            )
        ).all()
    if not due:
        return ()
    async with database.writing() as connection:
        claimed = (
            await connection.scalars(
                update(DELIVERIES)
                .where(DELIVERIES.c.key.in_(due), DELIVERIES.c.next_at <= database.clock)
                .values(next_at=database.clock + seconds, tries=DELIVERIES.c.tries + 1)
                .returning(DELIVERIES.c.key)
            )
        ).all()
        found = await connection.execute(
            select(
                DELIVERIES,
                WEBHOOKS.c.id.label("endpoint_id"),
                WEBHOOKS.c.url,
                WEBHOOKS.c.secret,
                WEBHOOKS.c.old_secret,
                WEBHOOKS.c.old_secret_until,
            )
            .join(WEBHOOKS)
            .where(DELIVERIES.c.key.in_(claimed))
        )
        return found.mappings().all()


async def postpone(database: Database, key: int, seconds: float) -> None:
    async with database.writing() as connection:
        await connection.execute(
            update(DELIVERIES)
            .where(DELIVERIES.c.key == key)
            .values(next_at=database.clock + seconds)
        )


async def remove(database: Database, key: int) -> None:
    async with database.writing() as connection:
        await connection.execute(delete(DELIVERIES).where(DELIVERIES.c.key == key))
