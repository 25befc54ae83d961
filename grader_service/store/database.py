"""A database: PostgreSQL for several servers, or one SQLite file for all processes of one machine."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, ColumnElement, Float, cast, event, func, literal_column, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from grader_service.errors import CannotStart, StoreUnavailable

READERS = 8
WAIT_SECONDS = 60

_PRAGMAS = (
    f"PRAGMA busy_timeout={WAIT_SECONDS * 1000}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # what was answered with 201 outlives a power cut, too
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-4096",
    "PRAGMA journal_size_limit=67108864",
)

_PASSING = ("08", "25006", "40", "53", "55P03", "57", "58")
"""SQLSTATE: connections, a standby in place of the primary, deadlocks, a full disk, locks, shutting down or starting, the system's faults."""


class Database:
    """Connections to read with, and connections to write with: SQLite has one writer at a time."""

    def __init__(self, readers: AsyncEngine, writers: AsyncEngine) -> None:
        self._readers = readers
        self._writers = writers

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view on SQLite, what is committed meanwhile on PostgreSQL.

        Raises:
            StoreUnavailable: from the block, too.
        """
        with _told():
            async with self._readers.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed where the block ends without an error.

        Raises:
            StoreUnavailable: from the block, too.
        """
        with _told():
            async with self._writers.begin() as connection:
                yield connection

    @property
    def is_sqlite(self) -> bool:
        return self._writers.dialect.name == "sqlite"

    @property
    def clock(self) -> ColumnElement[float]:
        """Seconds since 1970 of the database's own clock, the one that all servers share."""
        if self.is_sqlite:
            return literal_column("((julianday('now') - 2440587.5) * 86400.0)", Float)
        return cast(func.extract("epoch", func.clock_timestamp()), Float)


def _is_passing(error: DBAPIError) -> bool:
    """Whether PostgreSQL says that the fault is not in what was asked."""
    code = getattr(error.orig, "sqlstate", None)
    return isinstance(code, str) and code.startswith(_PASSING)


@contextmanager
def _told() -> Iterator[None]:
    """What a database raises that is away, or too slow, by one name."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, OSError) as error:
        raise StoreUnavailable(type(error).__name__) from error
    except DBAPIError as error:
        if not (error.connection_invalidated or _is_passing(error)):
            raise
        raise StoreUnavailable(type(error).__name__) from error


@asynccontextmanager
async def open_sqlite(file: Path) -> AsyncIterator[Database]:
    """The database in a file, which is made where it is not there."""
    url = URL.create("sqlite+aiosqlite", database=str(file))
    readers = create_async_engine(url, pool_size=READERS, max_overflow=0, pool_timeout=WAIT_SECONDS)
    writers = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=WAIT_SECONDS)
    _prepare(readers, "BEGIN")
    _prepare(writers, "BEGIN IMMEDIATE")  # a lock that is upgraded later can fail at once
    try:
        yield Database(readers, writers)
    finally:
        await readers.dispose()
        await writers.dispose()


def _prepare(engine: AsyncEngine, begin: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # no BEGIN of the driver's own, which comes too late
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql(begin)


@asynccontextmanager
async def open_postgres(address: str) -> AsyncIterator[Database]:
    """The database at `postgresql://USER:PASSWORD@HOST/NAME`.

    Raises:
        CannotStart: no such address, or the driver is not installed.
    """
    try:
        url = make_url(address)
        if url.get_backend_name() != "postgresql":
            raise CannotStart(
                "GRADER_DATABASE_URL: write postgresql://USER:PASSWORD@HOST:PORT/NAME; SQLite needs GRADER_DATA_DIR only"
            )
        engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=READERS,
            max_overflow=READERS,
            pool_timeout=WAIT_SECONDS,
            pool_pre_ping=True,
        )
    except (ArgumentError, NoSuchModuleError):
        raise CannotStart(
            "GRADER_DATABASE_URL: write postgresql://USER:PASSWORD@HOST:PORT/NAME"
        ) from None
    except ImportError:
        raise CannotStart(
            "GRADER_DATABASE_URL: PostgreSQL needs a driver; install grader-service[postgres]"
        ) from None
    try:
        yield Database(engine, engine)
    finally:
        await engine.dispose()
