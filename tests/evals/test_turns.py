"""Who gets the next part of the capacity."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from grader_service.evals.turns import Share, Turns


@asynccontextmanager
async def having(turns: Turns, share: Share, weight: int = 1) -> AsyncIterator[None]:
    taken = await turns.take(share, weight)
    try:
        yield
    finally:
        turns.give_back(share, taken)


async def grade(turns: Turns, share: Share, name: str, order: list[str], rows: int) -> None:
    async def one() -> None:
        async with having(turns, share):
            order.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(*(one() for _ in range(rows)))


async def test_a_small_run_is_not_behind_a_large_one() -> None:
    turns, order = Turns(4), []
    large, small = Share("a"), Share("a")
    work = asyncio.gather(
        grade(turns, large, "large", order, 400), grade(turns, small, "small", order, 20)
    )
    await work
    assert len(order) == 420
    last = max(place for place, name in enumerate(order) if name == "small")
    assert last < 60


async def test_a_tenant_with_many_runs_has_no_more_than_another() -> None:
    turns, order = Turns(4), []
    runs = [grade(turns, Share("many"), "many", order, 100) for _ in range(10)]
    await asyncio.gather(*runs, grade(turns, Share("one"), "one", order, 50))
    last = max(place for place, name in enumerate(order) if name == "one")
    assert last < 130


async def test_no_more_than_the_capacity_and_heavy_rows_weigh_more() -> None:
    turns = Turns(4)
    held = most = 0

    async def one(weight: int) -> None:
        nonlocal held, most
        async with having(turns, share, weight):
            held += min(weight, 4)
            most = max(most, held)
            await asyncio.sleep(0)
            held -= min(weight, 4)

    share = Share("a")
    await asyncio.gather(*(one(weight) for weight in (1, 2, 3, 9, 1, 1, 4, 2) * 10))
    assert most == 4
    assert held == 0


async def test_who_is_cancelled_gives_back_what_it_held_or_waited_for() -> None:
    turns = Turns(1)
    share, other = Share("a"), Share("b")

    async def hold() -> None:
        async with having(turns, share):
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(hold()) for _ in range(3)]
    await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(5), having(turns, other):
        assert share.held == 0
        assert not share.waiting


async def test_who_is_cancelled_while_turns_are_dealt_leaves_as_cancelled() -> None:
    turns, share = Turns(1), Share("a")
    first = await turns.take(share)
    waiting = asyncio.create_task(turns.take(share))
    await asyncio.sleep(0)
    turns.give_back(share, first)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with having(turns, share):
        assert share.held == 1
