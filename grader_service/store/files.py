"""Files: what was uploaded, and the rows that came inside a run's request."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, RowMapping, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grader_service.errors import GraderServiceError
from grader_service.store.database import Database
from grader_service.store.pages import Page, read_page
from grader_service.store.tables import FILE_CHUNKS, FILES, RUNS

CHUNK_BYTES = 1024 * 1024
ABANDONED_SECONDS = 24 * 3600

State = Literal["coming", "there", "inline"]
"""Still being written; a file of the API; rows of one run's request, which no list shows."""


class FileGone(GraderServiceError):
    """The file was deleted meanwhile."""


async def begin(connection: AsyncConnection, values: Mapping[str, Any]) -> int:
    """A file without content yet; returns its key."""
    made = await connection.execute(insert(FILES).values(state="coming", bytes=0, **values))
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


async def add_chunk(connection: AsyncConnection, key: int, position: int, data: bytes) -> None:
    await connection.execute(insert(FILE_CHUNKS).values(file_key=key, position=position, data=data))


async def complete(
    connection: AsyncConnection, key: int, state: State, **values: Any
) -> RowMapping:
    """The file is whole."""
    made = await connection.execute(
        update(FILES).where(FILES.c.key == key).values(state=state, **values).returning(*FILES.c)
    )
    return made.mappings().one()


async def drop(connection: AsyncConnection, key: int) -> None:
    await connection.execute(delete(FILES).where(FILES.c.key == key))


async def chunks(database: Database, key: int) -> AsyncIterator[bytes]:
    """The content piece by piece, each read by itself: a slow reader holds no connection.

    Raises:
        FileGone: it was deleted, before or while it was read.
    """
    position = 0
    while True:
        async with database.reading() as connection:
            data = await connection.scalar(
                select(FILE_CHUNKS.c.data).where(
                    FILE_CHUNKS.c.file_key == key, FILE_CHUNKS.c.position == position
                )
            )
            if data is None:
                there = await connection.scalar(select(FILES.c.key).where(FILES.c.key == key))
        if data is None:
            if there is None:
                raise FileGone
            return
        yield data
        position += 1


def _shown(database: Database, tenant: str) -> tuple[ColumnElement[bool], ...]:
    """A file that has expired is gone, whether or not it was cleared away."""
    lives = or_(FILES.c.expires_at.is_(None), FILES.c.expires_at > database.clock)
    return FILES.c.tenant == tenant, FILES.c.state == "there", lives


async def find(database: Database, tenant: str, file_id: str) -> RowMapping | None:
    """A file of the API."""
    async with database.reading() as connection:
        found = await connection.execute(
            select(FILES).where(FILES.c.id == file_id, *_shown(database, tenant))
        )
        return found.mappings().one_or_none()


async def page_of(
    database: Database, tenant: str, purpose: str | None, page: Page
) -> tuple[Sequence[RowMapping], bool]:
    """Files of the API by the time of their making."""
    wanted = () if purpose is None else (FILES.c.purpose == purpose,)
    async with database.reading() as connection:
        return await read_page(
            connection,
            wanted,
            _shown(database, tenant),
            (FILES.c.created_at, FILES.c.key),
            page,
        )


async def remove(database: Database, tenant: str, file_id: str) -> bool:
    """Whether it was there."""
    async with database.writing() as connection:
        done = await connection.execute(
            delete(FILES).where(FILES.c.id == file_id, *_shown(database, tenant))
        )
    return done.rowcount > 0


async def sweep(database: Database) -> int:
    """Clear away what has expired, and what a crash left half written; returns how many."""
    used = select(RUNS.c.content_key).where(RUNS.c.content_key.is_not(None))
    abandoned = and_(
        FILES.c.created_at < database.clock - ABANDONED_SECONDS,
        or_(
            FILES.c.state == "coming",
            and_(FILES.c.state == "inline", FILES.c.key.not_in(used)),
        ),
    )
    expired = and_(FILES.c.state == "there", FILES.c.expires_at <= database.clock)
    async with database.writing() as connection:
        done = await connection.execute(delete(FILES).where(or_(abandoned, expired)))
    return done.rowcount
