"""Output items: one for each row of a run."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from sqlalchemy import RowMapping, func, select

from grader_service.store.database import Database
from grader_service.store.pages import Page, page_query
from grader_service.store.tables import OUTPUT_ITEMS

MOST_CHARACTERS: Final = 16 * 1024 * 1024
"""Of the items of one page: it is answered from memory. A single larger item is a page of its own."""

_SIZE: Final = (
    func.length(OUTPUT_ITEMS.c.item)
    + func.length(OUTPUT_ITEMS.c.results)
    + func.coalesce(func.length(OUTPUT_ITEMS.c.sample), 0)
)


async def page_of(
    database: Database, run_key: int, status: str | None, page: Page
) -> tuple[Sequence[RowMapping], bool]:
    """Items of one run in the order of its rows; fewer than the page may have where they are large."""
    wanted = () if status is None else (OUTPUT_ITEMS.c.status == status,)
    among = (OUTPUT_ITEMS.c.run_key == run_key,)
    async with database.reading() as connection:
        query = await page_query(connection, wanted, among, (OUTPUT_ITEMS.c.position,), page)
        sizes = (await connection.scalars(query.with_only_columns(_SIZE))).all()
        sums = list(accumulate(sizes[: page.limit]))
        count = max(1, sum(total <= MOST_CHARACTERS for total in sums))
        found = await connection.execute(query.limit(count))
        return found.mappings().all(), len(sizes) > count


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
