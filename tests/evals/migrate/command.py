"""Migrations: as a shell runs them, and the same without a new process, which is quicker."""

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from grader_service.evals.migrate.api_source import Origin, open_source
from grader_service.evals.migrate.base import Part, Source
from grader_service.evals.migrate.ledger import Ledger
from grader_service.evals.migrate.migration import migrate
from grader_service.settings import Settings
from grader_service.store.open import open_store
from tests.processes import start


@contextlib.contextmanager
def migrating(
    source: str, folder: Path, *more: str, **settings: Any
) -> Iterator[subprocess.Popen[str]]:
    """A process that migrates; the source's key is in its environment, where it belongs."""
    variable = "AZURE_OPENAI_API_KEY" if "--azure" in more else "OPENAI_API_KEY"
    os.environ[variable] = "source-key"
    try:
        process = start("migrate", "--from", source, *more, data_dir=folder, **settings)
    finally:
        del os.environ[variable]
    with process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[str]) -> tuple[int, Any]:
    """Exit code, and the JSON that a pipe gets."""
    output, errors = process.communicate(timeout=60)
    assert not errors
    return process.returncode, json.loads(output)


def migrated(
    source: str, store: Mapping[str, Any], *parts: str, tenant: str = "", key: str = "source-key"
) -> dict[str, Any]:
    """What the command tells a pipe; `store` are settings.

    Raises:
        CannotStart: what the command tells as its one line.
    """
    return migrated_from(open_source(Origin(source, SecretStr(key))), store, *parts, tenant=tenant)


def migrated_from(
    source: AbstractAsyncContextManager[Source],
    store: Mapping[str, Any],
    *parts: str,
    tenant: str = "",
) -> dict[str, Any]:
    """The same for any source."""
    ledger = Ledger(lambda _kind, _counts: None)

    async def copy() -> None:
        async with open_store(Settings(**store)) as database, source as opened:
            await migrate(opened, database, tenant, list(map(Part, parts or Part)), ledger)

    asyncio.run(copy())
    return ledger.answer()
