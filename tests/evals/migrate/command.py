"""Migrations: as a shell runs them, and the same without a new process, which is quicker."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from grader_service.evals.migrate.ledger import Ledger
from grader_service.evals.migrate.migration import Part, migrate
from grader_service.evals.migrate.source import Origin, open_source
from grader_service.settings import Settings
from grader_service.store.open import open_store
from tests.processes import start


def migrating(source: str, folder: Path, *more: str, **settings: Any) -> subprocess.Popen[str]:
    """A process that migrates; the source's key is in its environment, where it belongs."""
    os.environ["OPENAI_API_KEY"] = "source-key"
    try:
        return start("migrate", "--from", source, *more, data_dir=folder, **settings)
    finally:
        del os.environ["OPENAI_API_KEY"]


def migrated(
    source: str, folder: Path, *parts: str, tenant: str = "", key: str = "source-key"
) -> dict[str, Any]:
    """What the command tells a pipe.

    Raises:
        CannotStart: what the command tells as its one line.
    """
    ledger = Ledger(lambda _kind, _counts: None)

    async def copy() -> None:
        settings = Settings(data_dir=folder)
        async with (
            open_store(settings) as database,
            open_source(Origin(source, SecretStr(key))) as opened,
        ):
            await migrate(opened, database, tenant, list(map(Part, parts or Part)), ledger)

    asyncio.run(copy())
    return ledger.answer()
