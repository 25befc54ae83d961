"""What a person sees of a long grading: a bar while it runs, a table at its end."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from grader_service.datasets.tally import Summary, Tally


@contextmanager
def progress(total: int, tally: Tally) -> Iterator[Callable[[], None]]:
    """Gives what to call after each sample: a bar on standard error, if a terminal shows it."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    columns = (
        TextColumn("grading"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("mean {task.fields[mean]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total, completed=tally.graded, mean=number(tally.mean))
        yield lambda: bar.update(task, completed=tally.graded, mean=number(tally.mean))


def number(mean: float | None) -> str:
    return "–" if mean is None else f"{mean:.4g}"


def summary_table(summary: Summary) -> Table:
    """By state; what was not graded, by cause."""
    table = Table("state", "samples", "share", "mean reward")
    graded = summary["graded"] or 1
    for state, colour in (("value", "green"), ("invalid", "yellow"), ("failed", "red")):
        count: int = summary[state]  # type: ignore[literal-required]
        mean = number(summary["mean"]) if state == "value" else ""
        table.add_row(f"[{colour}]{state}[/{colour}]", f"{count:,}", f"{count / graded:.1%}", mean)
    for kind, count in summary["causes"].items():
        table.add_row(f"  {escape(kind)}", f"{count:,}", f"{count / graded:.1%}", "")
    if summary["refused"]:
        table.add_row("[red]unread lines[/red]", f"{summary['refused']:,}", "", "")
    with_invalid = number(summary["mean_with_invalid"])
    table.add_row("all but failed", f"{summary['value'] + summary['invalid']:,}", "", with_invalid)
    return table
