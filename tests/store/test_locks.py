"""Deletes while runs come to their end: on PostgreSQL two transactions can wait for each other."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text, update

from grader_service.settings import Settings
from grader_service.store import evals, runs
from grader_service.store.database import Database
from grader_service.store.open import open_store
from grader_service.store.tables import FILES, RUNS
from tests import postgres
from tests.store.test_sweep import make_file, make_run


@pytest.fixture
def address(cluster: postgres.Cluster) -> str:
    return cluster.new_database()


@pytest.fixture
async def database(address: str) -> AsyncIterator[Database]:
    async with open_store(Settings(database_url=address)) as database:
        yield database


async def until_one_waits(database: Database) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid IS NOT NULL"
        " OR NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    async with asyncio.timeout(30):
        while True:
            async with database.reading() as connection:
                if await connection.scalar(waiting):
                    return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("of", ["run", "eval"])
async def test_a_delete_waits_for_the_end_of_a_run(database: Database, of: str) -> None:
    content = await make_file(database, "rows")
    async with database.writing() as connection:
        await connection.execute(update(FILES).values(state="inline"))
    run = await make_run(database, "one", content)
    async with database.writing() as connection:
        await connection.execute(update(RUNS).values(status="completed"))
        if of == "run":
            deleting = asyncio.create_task(runs.remove(database, run["key"]))
        else:
            deleting = asyncio.create_task(evals.remove(database, "", "eval_one"))
        await until_one_waits(database)
        await runs.drop_inline(connection, run["key"])
    assert await deleting
