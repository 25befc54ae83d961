"""The command line: `serve` the faces, `run` or `validate` one grader file without a server."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from grader_service import catalog, jsontext, settings
from grader_service.engines import open_engines
from grader_service.errors import CannotStart, InvalidGrader
from grader_service.graders.base import Grader
from grader_service.graders.context import Context
from grader_service.graders.result import Result
from grader_service.sample import sample_of
from grader_service.wire import masked, run_answer

UNGRADED = 1
UNUSABLE = 2
"""Exit codes: the sample could not be graded; the grader, the arguments or the settings are wrong."""

app = typer.Typer(
    help="Executes reinforcement-fine-tuning graders.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

GraderFile = Annotated[Path, typer.Argument(metavar="FILE", help="Grader as .json or .yaml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, as a pipe gets it anyway.")]


def main() -> None:
    """The console script: one line for what a person can mend, exit code 2."""
    try:
        app()
    except (CannotStart, catalog.FileFault, InvalidGrader) as error:
        console = Console(stderr=True, soft_wrap=True)
        console.print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
        sys.exit(UNUSABLE)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    catalogue: Annotated[Path | None, typer.Option(help="Folder of grader files.")] = None,
    sandbox: Annotated[str | None, typer.Option(help="auto, docker, bubblewrap or off.")] = None,
    log_format: Annotated[str | None, typer.Option(help="auto, json or console.")] = None,
) -> None:
    """Serve graders over HTTP until SIGTERM or Ctrl-C. Every other setting is a `GRADER_…` variable."""
    from grader_service.server import run_server  # noqa: PLC0415 - `run` and `validate` need no web server

    given = {
        "host": host,
        "port": port,
        "catalogue": catalogue,
        "sandbox": sandbox,
        "log_format": log_format,
    }
    run_server(settings.read({name: value for name, value in given.items() if value is not None}))


@app.command()
def run(
    file: GraderFile,
    item: Annotated[str, typer.Option(help="Dataset row as JSON, or @FILE.")] = "{}",
    sample: Annotated[
        str, typer.Option(help="The model's output, @FILE, or - for standard input.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Grade one sample. Exit code 0: a reward; 1: the sample could not be graded; 2: the grader or a setting is wrong."""
    row = _row(item)
    result = asyncio.run(_grade(_load(file), row, _text("--sample", sample)))
    with _output(as_json) as console:
        if console is None:
            _write_json(run_answer(result))
        else:
            console.print(_table(result))
    if result.state != "value":
        raise typer.Exit(UNGRADED)


@app.command()
def validate(file: GraderFile, as_json: AsJson = False) -> None:
    """Say whether a grader could grade. Exit code 0: yes; 2: no."""
    grader = _load(file)
    warnings = asyncio.run(_check(grader))
    with _output(as_json) as console:
        if console is None:
            _write_json({"grader": masked(grader.spelled), "warnings": warnings})
        else:
            console.print(
                f"[green]valid[/green] {grader.type} grader {escape(repr(grader.name))}",
                highlight=False,
            )
            for warning in warnings:
                console.print(f"[yellow]warning:[/yellow] {escape(warning)}", highlight=False)


@contextlib.contextmanager
def _output(as_json: bool) -> Iterator[Console | None]:
    """A console where a person reads, None where JSON is wanted."""
    yield Console() if sys.stdout.isatty() and not as_json else None


def _write_json(answer: Any) -> None:
    sys.stdout.write(jsontext.dumps(answer).decode() + "\n")


def _load(file: Path) -> Grader:
    try:
        return catalog.parse(file, file.read_bytes())
    except OSError as error:
        raise CannotStart(f"{str(file)!r} cannot be read: {error.strerror}") from None


def _text(option: str, given: str) -> str:
    """The text itself, or what `@FILE` or `-` stands for."""
    try:
        text = _read(given)
        text.encode()  # bytes of the command line that are no UTF-8 become lone surrogates
    except OSError as error:
        raise CannotStart(f"{given[1:]!r} cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise CannotStart(f"{option} is no valid UTF-8; convert it first") from None
    return text


def _read(given: str) -> str:
    if given == "-":
        return sys.stdin.read()
    return Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given


def _row(given: str) -> dict[str, Any]:
    try:
        row = jsontext.loads(_text("--item", given))
    except jsontext.JsonError as error:
        raise CannotStart(f"--item is no valid JSON: {error}") from None
    if not isinstance(row, dict):
        raise CannotStart("--item must be a JSON object")
    return row


async def _grade(grader: Grader, item: dict[str, Any], sample: str) -> Result:
    async with open_engines(settings.read({}), lambda _event: None) as engines:
        await grader.check(engines)
        return await grader.grade(Context(item=item, sample=sample_of(sample), engines=engines))


async def _check(grader: Grader) -> list[str]:
    async with open_engines(settings.read({}), lambda _event: None) as engines:
        return await grader.check(engines)


def _table(result: Result) -> Table:
    table = Table("grader", "type", "reward", "ms", "state", "why")
    for name, part in ((result.name, result), *result.parts.items()):
        colour = {"value": "green", "invalid": "yellow", "failed": "red"}[part.state]
        why = "\n".join(
            f"{cause.kind}: {cause.details}" for cause in part.causes if not cause.where
        )
        table.add_row(
            escape(name),
            part.grader_type,
            f"{part.reward:g}",
            f"{part.seconds * 1000:.2f}",
            f"[{colour}]{part.state}[/{colour}]",
            escape(why),
        )
    return table
