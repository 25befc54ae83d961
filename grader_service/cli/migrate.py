"""`grader-service migrate`: evals, runs and files from another server into the store of the settings."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from grader_service import keys, settings
from grader_service.cli.output import UNGRADED, AsJson, output, write_json
from grader_service.errors import CannotStart
from grader_service.evals.migrate.base import Part, Source
from grader_service.evals.migrate.export_file import ExportFile
from grader_service.evals.migrate.ledger import KINDS, Counts, Entry, Kind, Ledger, Observe
from grader_service.settings import Settings

SHOWN = 50
"""Lines of what is missing that a terminal shows; `--json` has all."""


def migrate(
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="URL",
            help="Base URL, as the SDK takes it; or a dashboard's export as FILE.jsonl.",
        ),
    ],
    key: Annotated[
        str | None,
        typer.Option(help="Its API key; better in OPENAI_API_KEY or AZURE_OPENAI_API_KEY."),
    ] = None,
    azure: Annotated[bool, typer.Option("--azure", help="URL is an Azure resource.")] = False,
    api_version: Annotated[
        str, typer.Option(help="API version of an Azure resource.")
    ] = "2025-04-01-preview",
    tenant: Annotated[
        str | None, typer.Option(help="Name of the API key here that all shall belong to.")
    ] = None,
    only: Annotated[list[Part] | None, typer.Option(help="evals (with runs) or files.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy evals, runs, output items and files with their ids. Exit code 0: all; 1: something is missing; 2: it cannot go on."""
    opened = _opened(source, key, api_version if azure else None)
    read = settings.read({})
    with _bars() as observe:
        ledger = Ledger(observe)
        asyncio.run(_migrate(opened, read, _tenant(read, tenant), only or list(Part), ledger))
    with output(as_json) as console:
        if console is None:
            write_json(ledger.answer())
        else:
            _show(ledger, console)
    if ledger.missing:
        raise typer.Exit(UNGRADED)


def _opened(
    source: str, key: str | None, azure_version: str | None
) -> AbstractAsyncContextManager[Source]:
    if "://" not in source:
        return nullcontext(ExportFile(Path(source)))
    from grader_service.evals.migrate.api_source import (  # noqa: PLC0415 - the SDK takes long to load
        Origin,
        open_source,
    )

    variable = "OPENAI_API_KEY" if azure_version is None else "AZURE_OPENAI_API_KEY"
    secret = SecretStr(key) if key else settings.secret(variable)
    if secret is None:
        raise CannotStart(f"--key: name the source's API key, here or in {variable}")
    return open_source(Origin(source, secret, azure_version))


def _tenant(read: Settings, name: str | None) -> str:
    """Whose the copies are: the only key's, if there is one."""
    names = _tenants(read)
    if name is None and len(names) > 1:
        raise CannotStart(f"--tenant: say whose the copies shall be: {', '.join(names)}")
    if name is not None and names and name not in names:
        raise CannotStart(f"--tenant: no API key has the name {name!r}, only {', '.join(names)}")
    return name if name is not None else "".join(names)


def _tenants(read: Settings) -> list[str]:
    """Each once; a tenant may have several keys."""
    named = read.api_keys
    if read.api_keys_file is not None:
        try:
            named = keys.parse(read.api_keys_file.read_text(encoding="utf-8"), bare=False)
        except (OSError, ValueError) as error:
            raise CannotStart(f"GRADER_API_KEYS_FILE: {error}") from None
    return list(dict.fromkeys(key.name for key in named))


async def _migrate(
    opened: AbstractAsyncContextManager[Source],
    read: Settings,
    tenant: str,
    parts: list[Part],
    ledger: Ledger,
) -> None:
    from grader_service.evals.migrate.migration import migrate as copy  # noqa: PLC0415 - the same
    from grader_service.store.open import open_store  # noqa: PLC0415 - the same

    async with open_store(read) as database, opened as source:
        await copy(source, database, tenant, parts, ledger)


@contextmanager
def _bars() -> Iterator[Observe]:
    """A bar for each kind where a person waits."""
    if not sys.stderr.isatty():
        yield lambda _kind, _counts: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as progress:
        tasks = {kind: progress.add_task(f"{kind}s", total=None) for kind in KINDS}

        def observe(kind: Kind, counts: Counts) -> None:
            progress.update(tasks[kind], completed=counts.here, total=counts.source)

        yield observe


def _show(ledger: Ledger, console: Console) -> None:
    table = Table("", "source", "here", "new")
    for kind, counts in ledger.counts.items():
        colour = "green" if counts.here >= counts.source else "red"
        table.add_row(
            f"{kind}s", str(counts.source), f"[{colour}]{counts.here}[/{colour}]", str(counts.new)
        )
    console.print(table)
    _list(console, "[red]missing:[/red]", ledger.missing)
    _list(console, "[yellow]note:[/yellow]", ledger.notes)


def _list(console: Console, word: str, entries: list[Entry]) -> None:
    for entry in entries[:SHOWN]:
        console.print(
            f"{word} {entry.kind} {escape(entry.id)}: {escape(entry.reason)}",
            highlight=False,
            soft_wrap=True,
        )
    if len(entries) > SHOWN:
        console.print(f"{word} {len(entries) - SHOWN} more; --json names them", highlight=False)
