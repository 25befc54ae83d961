"""`grader-service report`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from grader_service import settings
from grader_service.cli.graders import load
from grader_service.cli.output import AsJson, output, write_json
from grader_service.errors import CannotStart

if TYPE_CHECKING:
    from grader_service.report.build import Built

_COLOURS = {"good": "green", "look": "yellow", "bad": "red"}


def report(
    rewards: Annotated[
        Path, typer.Argument(metavar="REWARDS", help="What `grade` wrote: .jsonl or .parquet.")
    ],
    other: Annotated[
        Path | None,
        typer.Argument(metavar="[OTHER]", help="Another grader's rewards of the same outputs."),
    ] = None,
    page: Annotated[Path, typer.Option("--output", help="Page to write.")] = Path("report.html"),
    plots: Annotated[Path | None, typer.Option(help="Folder for the plots, PNG and SVG.")] = None,
    grader: Annotated[
        Path | None, typer.Option(help="The grader's file, for its name and pass_threshold.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a page about rewards: whether grader and data are fit for training, and how two graders differ."""
    built = _build(rewards, other, page, plots, grader)
    with output(as_json) as console:
        if console is None:
            write_json(asdict(built))
        else:
            _tell(built, console)


def _build(
    rewards: Path, other: Path | None, page: Path, plots: Path | None, file: Path | None
) -> "Built":
    try:
        # An extra, and a second of imports that no other command needs.
        from grader_service.report.build import Wanted, build  # noqa: PLC0415
        from grader_service.report.cost import prices  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise CannotStart(
            f"a report needs {error.name}, which is not installed: pip install 'grader-service[report]'"
        ) from None
    grader = None if file is None else load(file)
    name, threshold = (None, None) if grader is None else (grader.name, grader.pass_threshold)
    price_of = prices(settings.read({}))
    return build(Wanted(rewards, other, page, plots, name, threshold, price_of))


def _tell(built: "Built", console: Console) -> None:
    table = Table(show_header=False)
    for fact in built.facts:
        table.add_row(fact.label, fact.value, fact.note)
    console.print(table)
    for said in built.summary.advice:
        colour = _COLOURS[said.level]
        console.print(
            f"[{colour}]{escape(said.title)}.[/{colour}] {escape(said.text)}", highlight=False
        )
    console.print(f"Written: {escape(', '.join(built.files))}", highlight=False)
