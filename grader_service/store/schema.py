"""Brings the tables to the form that this version knows."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from grader_service.errors import CannotStart

HEAD = "0002"
"""The newest revision in `migrations/versions`; a test compares."""

MIGRATIONS = Path(__file__).with_name("migrations")


async def upgrade(connection: AsyncConnection) -> None:
    """Run what is missing, in the transaction that is open.

    Raises:
        CannotStart: the tables are of a newer version.
    """
    await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    found = _revision(connection)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise CannotStart(
            f"the database has the schema {found} of a newer version of grader-service, and this one knows {HEAD}; start that version"
        )
    from alembic import command  # noqa: PLC0415 - heavy, and nearly never needed
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found
