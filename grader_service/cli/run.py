"""`grader-service run` and `validate`: one grader file, one sample, no server."""

import asyncio
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from grader_service import jsontext, settings
from grader_service.cli.graders import GraderFile, load
from grader_service.cli.output import UNGRADED, AsJson, output, write_json
from grader_service.cli.texts import text
from grader_service.engines import open_engines
from grader_service.errors import CannotStart
from grader_service.graders.base import Grader
from grader_service.graders.context import Context
from grader_service.graders.result import Result
from grader_service.sample import sample_of
from grader_service.wire import masked, run_answer


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
    result = asyncio.run(_grade(load(file), row, text("--sample", sample)))
    with output(as_json) as console:
        if console is None:
            write_json(run_answer(result))
        else:
            console.print(_table(result))
    if result.state != "value":
        raise typer.Exit(UNGRADED)


def validate(file: GraderFile, as_json: AsJson = False) -> None:
    """Say whether a grader could grade. Exit code 0: yes; 2: no."""
    grader = load(file)
    warnings = asyncio.run(_check(grader))
    with output(as_json) as console:
        if console is None:
            write_json({"grader": masked(grader.spelled), "warnings": warnings})
        else:
            console.print(
                f"[green]valid[/green] {grader.type} grader {escape(repr(grader.name))}",
                highlight=False,
            )
            for warning in warnings:
                console.print(f"[yellow]warning:[/yellow] {escape(warning)}", highlight=False)


def _row(given: str) -> dict[str, Any]:
    try:
        row = jsontext.loads(text("--item", given))
    except jsontext.JsonError as error:
        raise CannotStart(f"--item is no valid JSON: {error}") from None
    if not isinstance(row, dict):
        raise CannotStart("--item must be a JSON object")
    return row


async def _grade(grader: Grader, item: dict[str, Any], sample: str) -> Result:
    compares = any(part.type == "text_similarity" for part in grader.parts().values())
    chosen = settings.read({"processes": 1})
    async with open_engines(chosen, lambda _event: None, compares=compares) as engines:
        await grader.check(engines)
        return await grader.grade(Context(item=item, sample=sample_of(sample), engines=engines))


async def _check(grader: Grader) -> list[str]:
    chosen = settings.read({"processes": 1})
    async with open_engines(chosen, lambda _event: None, compares=False) as engines:
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
