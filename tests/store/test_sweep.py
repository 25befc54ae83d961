"""What is cleared away by itself: expired files, half-written ones, the items of old runs."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import func, select, update

from grader_service.settings import Settings
from grader_service.store import evals, files, items, leases, runs
from grader_service.store.database import Database
from grader_service.store.open import open_store
from grader_service.store.pages import Page
from grader_service.store.tables import FILE_CHUNKS, FILES, RUNS
from grader_service.store.uploads import uploading

NOW = int(time.time())


@pytest.fixture
async def database(store: dict[str, str]) -> AsyncIterator[Database]:
    async with open_store(Settings(**store)) as database:
        yield database


async def make_file(database: Database, name: str, **values: Any) -> int:
    fixed = {"tenant": "", "id": name, "created_at": NOW, "purpose": "evals", "filename": '"a"'}
    async with uploading(database, fixed | values) as upload:
        await upload.write(b"x" * 3_000_000)
        async with database.writing() as connection:
            await upload.finish(connection, "there")
    return upload.key


async def make_run(database: Database, name: str, content: int | None = None) -> Any:
    texts = {"label": "{}", "warnings": "[]"}
    of_all = {"tenant": "", "created_at": NOW} | texts
    made = await evals.add(
        database,
        {**of_all, "id": f"eval_{name}", "updated_at": NOW, "config": "{}", "criteria": "[]"},
    )
    async with database.writing() as connection:
        own = {"id": name, "eval_key": made["key"], "data_source": "{}", "content_key": content}
        return await runs.add(connection, {**of_all, **own, "total": 1})


async def count(database: Database, table: Any) -> int:
    async with database.reading() as connection:
        return await connection.scalar(select(func.count()).select_from(table))


async def test_an_expired_file_is_gone_at_once_and_cleared_away_later(database: Database) -> None:
    await make_file(database, "old", expires_at=NOW - 1)
    await make_file(database, "new", expires_at=NOW + 1000)
    assert await files.find(database, "", "old") is None
    assert await files.find(database, "", "new") is not None
    found, more = await files.page_of(database, "", None, Page(10))
    assert ([row["id"] for row in found], more) == (["new"], False)
    assert await files.remove(database, "", "old") is False
    assert await count(database, FILES) == 2
    assert await files.sweep(database) == 1
    assert (await count(database, FILES), await count(database, FILE_CHUNKS)) == (1, 3)


async def test_what_a_crash_left_half_written_is_cleared_away_after_a_day(
    database: Database,
) -> None:
    kept = await make_file(database, "kept")
    await make_run(database, "run", kept)
    for name in ("kept", "orphan", "coming"):
        if name != "kept":
            await make_file(database, name)
        state = "coming" if name == "coming" else "inline"
        async with database.writing() as connection:
            await connection.execute(update(FILES).where(FILES.c.id == name).values(state=state))
    assert await files.sweep(database) == 0
    async with database.writing() as connection:
        await connection.execute(update(FILES).values(created_at=NOW - 2 * 86400))
    assert await files.sweep(database) == 2
    assert [chunk async for chunk in files.chunks(database, kept)] != []


async def test_an_upload_that_ends_early_leaves_nothing(database: Database) -> None:
    values = {"tenant": "", "id": "x", "created_at": NOW, "purpose": "evals", "filename": '""'}

    async def upload() -> None:
        async with uploading(database, values) as upload:
            await upload.write(b"x" * 2_000_000)
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await upload()
    assert (await count(database, FILES), await count(database, FILE_CHUNKS)) == (0, 0)


async def test_items_of_old_runs_go_and_their_counts_stay(database: Database) -> None:
    owner = leases.owner_name("test")
    for name in ("old", "new"):
        run = await make_run(database, name)
        assert await leases.claim(database, run["key"], owner) is not None
        item = {"run_key": run["key"], "position": 0, "id": "i", "created_at": NOW}
        texts = {"status": "pass", "item": "{}", "item_hash": "", "results": "[]"}
        await leases.record(database, run["key"], owner, [item | texts], {"passed": 1})
        await leases.finish(database, run["key"], owner, "completed")
    async with database.writing() as connection:
        await connection.execute(
            update(RUNS).where(RUNS.c.id == "old").values(finished_at=NOW - 8 * 86400)
        )
    assert await runs.sweep(database, 7) == 1
    assert await runs.sweep(database, 7) == 0
    for name, left in (("old", 0), ("new", 1)):
        run = await runs.find(database, "", f"eval_{name}", name)
        assert (run["status"], run["passed"]) == ("completed", 1)
        assert len(await items.positions(database, run["key"])) == left


async def test_only_the_holder_of_a_lease_writes(database: Database) -> None:
    run = await make_run(database, "run")
    first, second = leases.owner_name("first"), leases.owner_name("second")
    assert await leases.oldest_claimable(database, ()) == {"": run["key"]}
    assert await leases.oldest_claimable(database, [""]) == {}
    assert await leases.claim(database, run["key"], first) is not None
    assert await leases.claim(database, run["key"], second) is None
    async with database.writing() as connection:
        await connection.execute(update(RUNS).values(lease_until=0.0))
    assert await leases.claim(database, run["key"], second) is not None
    item = {"run_key": run["key"], "position": 0, "id": "i", "created_at": NOW, "status": "pass"}
    item |= {"item": "{}", "item_hash": "", "results": "[]"}
    for write in (
        lambda: leases.record(database, run["key"], first, [item], {"passed": 1}),
        lambda: leases.finish(database, run["key"], first, "completed"),
    ):
        with pytest.raises(leases.LeaseLost):
            await write()
    assert await items.positions(database, run["key"]) == []
    await leases.record(database, run["key"], second, [item], {"passed": 1})
    assert await runs.cancel(database, run["key"])
    with pytest.raises(leases.LeaseLost):
        await leases.finish(database, run["key"], second, "completed")
    assert not await runs.cancel(database, run["key"])


async def test_runs_of_a_process_that_is_gone_are_free(database: Database) -> None:
    alive, dead = await make_run(database, "alive"), await make_run(database, "dead")
    elsewhere = await make_run(database, "elsewhere")
    owner = leases.owner_name("here")
    host, number, started, token = owner.split("|")
    assert await leases.claim(database, alive["key"], owner) is not None
    gone = "|".join((host, number, f"{started}0", token))
    assert await leases.claim(database, dead["key"], gone) is not None
    foreign = "|".join((f"not-{host}", number, f"{started}0", token))
    assert await leases.claim(database, elsewhere["key"], foreign) is not None
    assert await leases.oldest_claimable(database, ()) == {}
    await leases.free_the_dead(database)
    assert await leases.oldest_claimable(database, ()) == {"": dead["key"]}
    await leases.hand_back(database, foreign, [elsewhere["key"]])
    assert await leases.claim(database, elsewhere["key"], owner) is not None
    assert await leases.held(database, owner) == {alive["key"], elsewhere["key"]}
