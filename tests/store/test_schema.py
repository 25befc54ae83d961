"""The tables: migrations make what the code names, once, and never go back."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncConnection

from grader_service.errors import CannotStart
from grader_service.settings import Settings
from grader_service.store import schema
from grader_service.store.database import Database
from grader_service.store.open import FILE, open_store
from grader_service.store.tables import METADATA


@asynccontextmanager
async def opened(store: dict[str, str]) -> AsyncIterator[Database]:
    async with open_store(Settings(**store)) as database:
        yield database


async def test_migrations_make_the_tables_that_the_code_names(store: dict[str, str]) -> None:
    def differences(connection) -> list:
        return compare_metadata(MigrationContext.configure(connection), METADATA)

    async with opened(store) as database, database.writing() as connection:
        assert isinstance(connection, AsyncConnection)
        assert await connection.run_sync(differences) == []


async def test_a_database_is_opened_again_as_it_was(store: dict[str, str]) -> None:
    for _ in range(2):
        async with opened(store) as database, database.reading() as connection:
            found = await connection.exec_driver_sql("SELECT version_num FROM alembic_version")
            assert [tuple(row) for row in found] == [(schema.HEAD,)]


def test_the_newest_migration_is_the_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


async def test_the_tables_of_a_newer_version_are_left_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    async with open_store(settings):
        pass
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(CannotStart, match="9999"):
        async with open_store(settings):
            pass


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("something else " * 100)
    with pytest.raises(CannotStart, match="GRADER_DATA_DIR"):
        async with open_store(Settings(data_dir=tmp_path)):
            pass
