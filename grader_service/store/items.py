"""Output items: one for each row of a run."""

from collections.abc import Sequence

from sqlalchemy import RowMapping, select

from grader_service.store.database import Database
from grader_service.store.pages import Page, read_page
from grader_service.store.tables import OUTPUT_ITEMS


async def page_of(
    database: Database, run_key: int, status: str | None, page: Page
) -> tuple[Sequence[RowMapping], bool]:
    """Items of one run in the order of its rows."""
    wanted = () if status is None else (OUTPUT_ITEMS.c.status == status,)
    among = (OUTPUT_ITEMS.c.run_key == run_key,)
    async with database.reading() as connection:
        return await read_page(connection, wanted, among, (OUTPUT_ITEMS.c.position,), page)


async def find(database: Database, run_key: int, item_id: str) -> RowMapping | None:
    async with database.reading() as connection:
        found = await connection.execute(
            select(OUTPUT_ITEMS).where(
                OUTPUT_ITEMS.c.run_key == run_key, OUTPUT_ITEMS.c.id == item_id
            )
        )
        return found.mappings().one_or_none()


async def positions(database: Database, run_key: int) -> Sequence[int]:
    """The rows that are done."""
    async with database.reading() as connection:
        found = await connection.scalars(
            select(OUTPUT_ITEMS.c.position).where(OUTPUT_ITEMS.c.run_key == run_key)
        )
        return found.all()
