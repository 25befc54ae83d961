"""`grader-service check`: what a training job would fail on later, before it starts."""

import asyncio
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from grader_service import jsontext, settings
from grader_service.catalog import FileFault
from grader_service.cli.graders import GraderFile, load
from grader_service.cli.output import UNGRADED, AsJson, output, write_json
from grader_service.datasets.check.finding import Complaint, Finding, Source, Tally
from grader_service.datasets.check.job import Job
from grader_service.datasets.check.report import Report, check_grader, check_rows
from grader_service.engines import open_engines
from grader_service.errors import CannotStart
from grader_service.graders.base import Grader

STEP_BYTES = 1 << 20
"""The bar moves after so many: each move costs more than a row."""

Lines = Iterator[bytes]
OptionalFile = Path | None


def check(
    file: GraderFile,
    data: Annotated[Path, typer.Option(help="Training rows as JSONL.")],
    validation: Annotated[OptionalFile, typer.Option(help="Validation rows as JSONL.")] = None,
    response_format: Annotated[
        OptionalFile, typer.Option(help="The job's response format as JSON.")
    ] = None,
    tools: Annotated[OptionalFile, typer.Option(help="The job's tools as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a hosted training job would fail on. Exit code 0: nothing; 1: faults; 2: a file cannot be read."""
    grader, faults = _grader(file)
    job = Job(grader, _json("--response-format", response_format), _json("--tools", tools))
    paths: dict[Source, Path] = {"train": data}
    if validation is not None:
        paths["validation"] = validation
    with _opened(paths) as files:
        findings = faults + asyncio.run(_check_grader(job))
        report = check_rows(job, files, findings)
    with output(as_json) as console:
        if console is None:
            write_json(report.answer())
        else:
            given = {"grader": file, "response_format": response_format, "tools": tools, **paths}
            _show(report, console, {source: path.name for source, path in given.items() if path})
    if report.faults:
        raise typer.Exit(UNGRADED)


def _grader(file: Path) -> tuple[Grader | None, list[Finding]]:
    """A file that holds no grader is a finding: its rows can be looked at all the same."""
    try:
        return load(file), []
    except FileFault as fault:
        tally = Tally("grader")
        for line in str(fault).splitlines():
            place, _, message = line.partition(": ")
            tally.add("grader", [Complaint(message, "mend the grader", place=place, key=line)])
        return None, tally.findings()


async def _check_grader(job: Job) -> list[Finding]:
    chosen = settings.read({"processes": 1})
    async with open_engines(chosen, lambda _event: None, compares=False) as engines:
        return await check_grader(job, engines)


def _json(option: str, file: Path | None) -> Any:
    if file is None:
        return None
    try:
        return jsontext.loads(file.read_bytes())
    except OSError as error:
        raise CannotStart(f"{option}: {str(file)!r} cannot be read: {error.strerror}") from None
    except jsontext.JsonError as error:
        raise CannotStart(f"{option}: {str(file)!r} is no valid JSON: {error}") from None


@contextmanager
def _opened(paths: Mapping[Source, Path]) -> Iterator[dict[Source, Lines]]:
    """The lines of each file, with a bar over their bytes where a person waits."""
    with ExitStack() as stack:
        streams: dict[Source, BinaryIO] = {}
        for source, path in paths.items():
            try:
                streams[source] = stack.enter_context(path.open("rb"))
            except OSError as error:
                raise CannotStart(f"{str(path)!r} cannot be read: {error.strerror}") from None
        if not sys.stderr.isatty():
            yield {source: iter(stream) for source, stream in streams.items()}
            return
        progress = stack.enter_context(_progress())
        yield {
            source: _watched(
                stream, progress, progress.add_task(source, total=paths[source].stat().st_size)
            )
            for source, stream in streams.items()
        }


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _watched(lines: Iterable[bytes], progress: Progress, task: TaskID) -> Lines:
    read = 0
    for line in lines:
        read += len(line)
        if read > STEP_BYTES:
            progress.advance(task, read)
            read = 0
        yield line
    progress.advance(task, read)


def _show(report: Report, console: Console, names: Mapping[str, str]) -> None:
    if report.findings:
        console.print(_table(report.findings, names))
    rows = " and ".join(
        f"{_counted(count, f'{source} row')}" for source, count in report.rows.items()
    )
    warnings = len(report.findings) - report.faults
    colour = "red" if report.faults else "green"
    console.print(
        f"[{colour}]{_counted(report.faults, 'fault')}[/{colour}], {_counted(warnings, 'warning')} in {rows}",
        highlight=False,
    )


def _table(findings: Iterable[Finding], names: Mapping[str, str]) -> Table:
    table = Table(show_lines=True)
    for title in ("", "rule", "where", "what", "what to do"):
        table.add_column(title, overflow="fold")  # a field's name that is cut says nothing
    for finding in findings:
        colour = "red" if finding.severity == "fault" else "yellow"
        table.add_row(
            f"[{colour}]{finding.severity}[/{colour}]",
            finding.rule,
            escape(_where(finding, names.get(finding.source, finding.source))),
            escape(finding.message),
            escape(finding.advice),
        )
    return table


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _where(finding: Finding, name: str) -> str:
    """The file, and the place in it."""
    if not finding.rows:
        place = finding.place
        return place if place.startswith(f"{name}:") else " ".join(filter(None, (name, place)))
    counted = f"{name}: {_counted(finding.rows, 'row')}"
    if not finding.lines:
        return counted
    lines = ", ".join(map(str, finding.lines))
    more = ", …" if finding.rows > len(finding.lines) else ""
    return f"{counted}, {'line' if finding.rows == 1 else 'lines'} {lines}{more}"
