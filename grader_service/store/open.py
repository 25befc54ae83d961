"""Opens the store with its schema up to date, however many servers start at once."""

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from grader_service.errors import CannotStart, StoreUnavailable
from grader_service.settings import Settings
from grader_service.store import schema
from grader_service.store.database import Database, open_postgres, open_sqlite

FILE = "grader.db"
_LOCK = 0x6772616465720001
"""Of PostgreSQL's advisory locks, the one under which this service changes its schema."""


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Database]:
    """The database of the settings.

    Raises:
        CannotStart: it cannot be reached or used, or it belongs to a newer version of this service.
    """
    if settings.database_url is not None:
        async with open_postgres(settings.database_url.get_secret_value()) as database:
            await _upgrade_postgres(database)
            yield database
        return
    folder = settings.data_dir
    async with open_sqlite(folder / FILE) as database:
        await _upgrade_sqlite(database, folder)
        yield database


async def _upgrade_postgres(database: Database) -> None:
    try:
        async with database.writing() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await schema.upgrade(connection)
    except (DBAPIError, StoreUnavailable) as error:
        reason = _reason(error)
        raise CannotStart(f"GRADER_DATABASE_URL: the database cannot be used: {reason}") from None


async def _upgrade_sqlite(database: Database, folder: Path) -> None:
    """Under a lock of its own: only one process at a time can turn a file to write-ahead logging."""
    lock = await asyncio.to_thread(_lock, folder)
    with lock:
        try:
            async with database.writing() as connection:
                await schema.upgrade(connection)
        except (DBAPIError, StoreUnavailable) as error:
            raise CannotStart(
                f"GRADER_DATA_DIR: {str(folder / FILE)!r} cannot be used: {_reason(error)}"
            ) from None


def _reason(error: BaseException) -> str:
    """In the driver's own words, one line."""
    cause = error.__cause__ if isinstance(error, StoreUnavailable) and error.__cause__ else error
    told = str(getattr(cause, "orig", None) or cause)
    return told.splitlines()[0] if told else type(cause).__name__


def _lock(folder: Path) -> IO[bytes]:
    """The folder's lock file, open and locked until it is closed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f"{FILE}.lock").open("ab")
    except OSError as error:
        raise CannotStart(
            f"GRADER_DATA_DIR: {str(folder)!r} cannot be used: {error.strerror}; name a folder that can be written"
        ) from None
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock
