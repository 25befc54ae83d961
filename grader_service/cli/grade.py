"""`grader-service grade`: a whole dataset, here, on a server or on a Ray cluster."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from grader_service import jsontext, settings
from grader_service.cli.grade_job import Engine, Job, sampled_source
from grader_service.cli.grade_progress import progress, summary_table
from grader_service.cli.graders import GraderFile, load
from grader_service.cli.output import UNGRADED, AsJson, output, tell, write_json
from grader_service.cli.texts import text
from grader_service.datasets.ledger import Ledger, open_ledger, records_in
from grader_service.datasets.on_server import Server
from grader_service.datasets.parquet import require_parquet, write_parquet
from grader_service.datasets.pieces import (
    Lines,
    Piece,
    Rows,
    Unread,
    given_samples,
    own_samples,
    to_draw,
)
from grader_service.datasets.tally import Summary
from grader_service.errors import CannotStart
from grader_service.graders.base import Grader
from grader_service.sampling.source import SampledSource

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""

SHOWN = 20
"""So many unreadable lines are told one by one."""


def grade(
    file: GraderFile,
    data: Annotated[Path, typer.Option(help="Rows as JSON lines.")],
    samples: Annotated[
        Path | None, typer.Option(help="Outputs as JSON lines, where the rows have none.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Ask this model for the outputs; item.messages is the prompt."),
    ] = None,
    sampling_params: Annotated[
        str, typer.Option(help="How to ask it, as JSON or @FILE: temperature, response_format, …")
    ] = "{}",
    n: Annotated[int, typer.Option("--n", min=1, help="Outputs of each row.")] = 1,
    target: Annotated[
        Path | None,
        typer.Option("--output", help="File for the rewards: .jsonl or .parquet."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many rows.")] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Samples graded at once; default is GRADER_BATCH_CONCURRENCY."),
    ] = None,
    engine: Annotated[Engine, typer.Option(help="This process, or a Ray cluster.")] = "local",
    server: Annotated[
        str | None, typer.Option(help="Address of a grader-service that grades in place of this.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Its API key; better in GRADER_SERVER_KEY.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Grade a dataset. Run it again and it goes on where it stopped, and tries again what had failed.

    A row is {"item": {…}, "sample": …} or, with --samples or --model, any object. A line of --samples is the
    output as a string, an object with "output_text", or {"sample": either, "index": row, "n": …};
    records that this command wrote will do.

    Exit code 0: every sample was graded, invalid ones among them; 1: some failed, some lines could
    not be read, or no sample had a reward; 2: grader, files or settings are wrong; 130: stopped.
    """
    if server is not None and engine == "ray":
        raise CannotStart("--server and --engine ray are two places to grade at; give one of them")
    given = {} if key is None else {"server_key": key}
    config = settings.read(given)
    job = Job(
        grader=load(file),
        config=config,
        concurrency=concurrency or config.batch_concurrency,
        engine=engine,
        server=None if server is None else Server(server, config.server_key),
        source=None
        if model is None
        else sampled_source(model, text("--sampling-params", sampling_params)),
    )
    with ExitStack() as stack:
        lines = stack.enter_context(closing(Lines(data)))
        rows = Rows(lines, limit)
        if job.source is not None and samples is not None:
            raise CannotStart("--samples and --model both bring the outputs; give one of them")
        if job.source is not None:
            plan = _to_draw(rows, lines, job.source, n)
        else:
            plan = _stored(stack, rows, lines, samples, n)
        summary, seconds, resumed = _run(job, plan, target)
    with output(as_json) as console:
        if console is None:
            write_json(
                {
                    "summary": summary,
                    "seconds": seconds,
                    "resumed": resumed,
                    "output": None if target is None else str(target),
                }
            )
        else:
            console.print(summary_table(summary))
            if target is not None:
                console.print(f"rewards are in {escape(str(target))}", highlight=False)
    if summary["failed"] or summary["refused"] or not summary["value"]:
        raise typer.Exit(UNGRADED)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be graded: so many pieces, at most, out of files with these digests."""

    pieces: Iterator[Piece | Unread]
    total: int
    files: Mapping[str, str]


def _to_draw(rows: Rows, lines: Lines, source: SampledSource, n: int) -> Plan:
    """More outputs of each row may be asked for later, so their number is nothing that records depend on."""
    asked = hashlib.sha256(source.model_dump_json().encode()).hexdigest()
    files = {"data file": lines.digest, "model or sampling": asked}
    return Plan(to_draw(rows, n), len(rows) * n, files)


def _stored(stack: ExitStack, rows: Rows, lines: Lines, samples: Path | None, n: int) -> Plan:
    if samples is None:
        if n > 1:
            raise CannotStart("--n needs --samples or --model: a row brings one sample with it")
        return Plan(own_samples(rows), len(rows), {"data file": lines.digest})
    outputs = stack.enter_context(closing(Lines(samples)))
    files = {"data file": lines.digest, "samples file": outputs.digest, "number n": str(n)}
    return Plan(given_samples(rows, outputs, n), len(outputs), files)


def _run(job: Job, plan: Plan, target: Path | None) -> tuple[Summary, float, int]:
    """The summary, seconds, and how many were graded before."""
    as_parquet = target is not None and target.suffix == ".parquet"
    if as_parquet:
        require_parquet()
    log = target.with_name(target.name + ".jsonl") if target and as_parquet else target
    started = time.monotonic()
    with open_ledger(log, {"grader": _digest(job.grader), **plan.files}) as ledger:
        try:
            asyncio.run(_grade(job, plan, ledger))
        except KeyboardInterrupt:
            tell(f"stopped with {ledger.tally.graded} graded; run the same command again to go on")
            raise typer.Exit(STOPPED) from None
    if as_parquet and target and log:
        write_parquet(records_in(log), target)
    return ledger.tally.summary(), time.monotonic() - started, ledger.resumed


def _digest(grader: Grader) -> str:
    """Of what the grader does; its name is nothing of that."""
    spelled = {key: value for key, value in grader.spelled.items() if key != "name"}
    return hashlib.sha256(jsontext.dumps(spelled)).hexdigest()


async def _grade(job: Job, plan: Plan, ledger: Ledger) -> None:
    with progress(plan.total, ledger.tally) as step:
        async with job.records(_left(plan, ledger), ledger) as records:
            async for record in records:
                ledger.write(record)
                step()


async def _left(plan: Plan, ledger: Ledger) -> AsyncIterator[Piece]:
    """What has no record yet; lines that cannot be read are told."""
    unread = 0
    for piece in plan.pieces:
        if isinstance(piece, Unread):
            unread += 1
            ledger.tally.refuse()
            if unread <= SHOWN:
                tell(str(piece))
        elif (piece.index, piece.n) not in ledger.done:
            yield piece
    if unread > SHOWN:
        tell(f"and {unread - SHOWN} more lines that cannot be read")
