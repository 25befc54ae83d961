"""The command line: one file for each command, all listed here."""

import sys

import typer
from rich.console import Console
from rich.markup import escape

from grader_service.catalog import FileFault
from grader_service.cli.check import check
from grader_service.cli.doctor import doctor
from grader_service.cli.grade import grade
from grader_service.cli.migrate import migrate
from grader_service.cli.output import UNUSABLE
from grader_service.cli.report import report
from grader_service.cli.run import run, validate
from grader_service.cli.serve import serve
from grader_service.errors import CannotStart, InvalidGrader

COMMANDS = (serve, run, validate, check, doctor, grade, report, migrate)

app = typer.Typer(
    help="Executes reinforcement-fine-tuning graders.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """The console script: one line for what a person can mend, exit code 2."""
    try:
        app()
    except (CannotStart, FileFault, InvalidGrader) as error:
        console = Console(stderr=True, soft_wrap=True)
        console.print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
        sys.exit(UNUSABLE)
