"""Lists in pages: a page begins behind an object that the caller names by its id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, RowMapping, Select, Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from grader_service.errors import RequestRefused

Conditions = tuple[ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """`after` is an id, exclusive; None begins at the start."""

    limit: int
    after: str | None = None
    descending: bool = False


async def read_page(
    connection: AsyncConnection,
    wanted: Conditions,
    among: Conditions,
    order: Sequence[Column[Any]],
    page: Page,
) -> tuple[Sequence[RowMapping], bool]:
    """The rows of `page_query`, and whether more follow; raises as it does."""
    query = await page_query(connection, wanted, among, order, page)
    found = (await connection.execute(query)).mappings().all()
    return found[: page.limit], len(found) > page.limit


async def page_query(
    connection: AsyncConnection,
    wanted: Conditions,
    among: Conditions,
    order: Sequence[Column[Any]],
    page: Page,
) -> Select[Any]:
    """For rows that are `among` those of the caller and `wanted`, one more than the page may have.

    `order` are columns of one table, whose values together are unique. The object of `after` must
    be among the caller's; it need not be wanted, for its status may have changed.

    Raises:
        RequestRefused: 400 where `after` is no object of the caller's.
    """
    table = order[0].table
    assert isinstance(table, Table)
    place = tuple_(*order)
    query = select(table).where(*among, *wanted)
    if page.after is not None:
        start = (
            await connection.execute(select(*order).where(table.c.id == page.after, *among))
        ).one_or_none()
        if start is None:
            raise RequestRefused(f"There is no {page.after[:100]!r} to list after.", param="after")
        behind = tuple_(*start)
        query = query.where(place < behind if page.descending else place > behind)
    ordered = [column.desc() if page.descending else column.asc() for column in order]
    return query.order_by(*ordered).limit(page.limit + 1)
