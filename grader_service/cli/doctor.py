"""`grader-service doctor`: attacks a grader as the model that is trained against it would."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from grader_service import settings
from grader_service.cli.graders import GraderFile, load
from grader_service.cli.output import UNGRADED, AsJson, output, write_json
from grader_service.datasets.rows import Row, read_rows
from grader_service.doctor.bench import Budget
from grader_service.doctor.examine import Plan, examine
from grader_service.doctor.findings import FAMILIES, Family, Finding, Report
from grader_service.doctor.outputs import Output
from grader_service.doctor.rows import AttackRow
from grader_service.doctor.samples import output_of, read_samples
from grader_service.doctor.subject import Subject
from grader_service.engines import open_engines
from grader_service.errors import CannotStart
from grader_service.judge.fixed import FixedJudge

READ_ROWS = 200
"""So many rows give enough wrong but plausible values; the rest of a dataset is left unread."""


def doctor(
    file: GraderFile,
    data: Annotated[
        Path | None, typer.Option(help="JSONL dataset; without it rows are made up.")
    ] = None,
    samples: Annotated[
        Path | None, typer.Option(help="JSONL of outputs to these rows, good and bad ones.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=50, help="Rows to attack.")] = 3,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Attacks of this family alone ({', '.join(FAMILIES)}); may be repeated."
        ),
    ] = None,
    skip_judge: Annotated[
        bool, typer.Option("--skip-judge", help="Ask no judge: each gives a fixed verdict.")
    ] = False,
    max_judge_calls: Annotated[
        int, typer.Option(min=0, help="Most questions to judges; they cost money.")
    ] = 150,
    max_grades: Annotated[int, typer.Option(min=1, help="Most grades.")] = 3000,
    max_seconds: Annotated[float, typer.Option(min=1, help="Longest time for all.")] = 600.0,
    grade_seconds: Annotated[float, typer.Option(min=1, help="Longest time of one grade.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Attack a grader before a model does. Exit code 0: no danger found; 1: dangers; 2: it could not be examined."""
    grader = load(file)
    _announce(Subject(grader), max_judge_calls, skip_judge)
    attacked, others = _rows(data, samples, rows)
    plan = Plan(
        grader, attacked, others, _families(only), Budget(max_grades, max_judge_calls, max_seconds)
    )
    with output(as_json) as console:
        with _progress(console, max_grades) as progress:
            report = asyncio.run(_examine(plan, grade_seconds, skip_judge, progress))
        if console is None:
            write_json(asdict(report))
        else:
            _show(console, report)
    if report.dangerous:
        raise typer.Exit(UNGRADED)


def _families(only: Sequence[str] | None) -> tuple[Family, ...]:
    for name in only or ():
        if name not in FAMILIES:
            raise CannotStart(
                f"--only {name!r} is no family of attacks; there are {', '.join(FAMILIES)}"
            )
    return tuple(family for family in FAMILIES if family in (only or ()))


def _announce(subject: Subject, max_judge_calls: int, skip_judge: bool) -> None:
    """Before anything is paid."""
    if skip_judge and subject.judge_calls == len(subject.parts):
        raise CannotStart(
            "--skip-judge leaves nothing of this grader to attack: a judge is all of it"
        )
    if subject.judge_calls and not skip_judge:
        console = Console(stderr=True, soft_wrap=True)
        console.print(
            f"up to {max_judge_calls:,} questions to judges, which cost money; --max-judge-calls changes that, --skip-judge asks none",
            highlight=False,
        )


async def _examine(
    plan: Plan, grade_seconds: float, skip_judge: bool, progress: Callable[[int], None]
) -> Report:
    given = {
        "sandbox_timeout_seconds": grade_seconds,
        "similarity_timeout_seconds": grade_seconds,
    }
    async with open_engines(settings.read(given), lambda _event: None) as engines:
        await plan.grader.check(engines)
        asked = replace(engines, judge=FixedJudge()) if skip_judge else engines
        return await examine(plan, asked, progress)


def _rows(
    data: Path | None, samples: Path | None, count: int
) -> tuple[list[AttackRow], list[Mapping[str, Any]]]:
    """The rows to attack, spread over the beginning of the dataset, and the items of the others."""
    if data is None:
        if samples is not None:
            raise CannotStart("--samples belong to rows: give these with --data")
        return [], []
    found = _read(data)
    chosen = found[:: max(len(found) // count, 1)][:count]
    brought = _samples(samples)
    attacked = [
        AttackRow(row.index, row.item, (*_own(row), *brought.get(row.index, ()))) for row in chosen
    ]
    return attacked, [row.item for row in found if row not in chosen]


def _read(data: Path) -> list[Row]:
    try:
        with data.open("rb") as lines:
            found = list(itertools.islice(read_rows(lines), READ_ROWS))
    except OSError as error:
        raise CannotStart(f"{str(data)!r} cannot be read: {error.strerror}") from None
    rows = [row for row in found if isinstance(row, Row)]
    if not rows:
        raise CannotStart(f"{str(data)!r} has no usable row; `grader-service check` says why")
    return rows


def _own(row: Row) -> tuple[Output, ...]:
    return () if row.sample is None else (output_of(row.sample),)


def _samples(file: Path | None) -> Mapping[int, Sequence[Output]]:
    found: defaultdict[int, list[Output]] = defaultdict(list)
    if file is None:
        return found
    try:
        with file.open("rb") as lines:
            for index, brought in read_samples(lines):
                found[index].append(brought)
    except OSError as error:
        raise CannotStart(f"{str(file)!r} cannot be read: {error.strerror}") from None
    return found


@contextmanager
def _progress(console: Console | None, total: int) -> Iterator[Callable[[int], None]]:
    """A bar towards the budget, where a person looks."""
    if console is None:
        yield lambda _grades: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("grades", total=total)
        yield lambda grades: bar.update(task, completed=grades)


def _show(console: Console, report: Report) -> None:
    for finding in report.findings:
        _show_finding(console, finding)
    for note in report.notes:
        console.print(f"[dim]note:[/dim] {escape(note)}", highlight=False)
    dangers = sum(finding.severity == "danger" for finding in report.findings)
    colour = "red" if dangers else "yellow" if report.findings else "green"
    console.print(
        f"[{colour}]{dangers} dangers, {len(report.findings) - dangers} warnings[/{colour}] from {report.attacks} attacks, "
        f"{report.grades:,} grades and {report.judge_calls:,} judge calls in {report.seconds:.1f} s",
        highlight=False,
    )


def _show_finding(console: Console, finding: Finding) -> None:
    colour = "red" if finding.severity == "danger" else "yellow"
    where = "rows made up" if finding.index < 0 else f"row {finding.index}"
    console.print(
        f"[{colour} bold]{finding.severity}: {escape(finding.attack)}[/]  ({finding.rows} of {finding.tried} rows)",
        highlight=False,
    )
    lines = {
        "sent": f"{finding.sent}  ({where})",
        "earned": f"{_reward(finding.earned)}; honest answers: right {_reward(finding.right)}, wrong {_reward(finding.wrong)}; {finding.observed}",
        "why": finding.danger,
        "change": finding.remedy,
    }
    for label, text in lines.items():
        console.print(f"  [dim]{label:>6}[/dim]  {escape(text)}", highlight=False)


def _reward(reward: float | None) -> str:
    return "unknown" if reward is None else f"{reward:g}"
