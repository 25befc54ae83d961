"""The command line: one file for each command, all listed here."""

import sys
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import typer
from rich.console import Console
from rich.markup import escape

from grader_service.catalog import FileFault
from grader_service.cli.output import UNUSABLE
from grader_service.errors import CannotStart, InvalidGrader

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "serve": "serve",
        "run": "run",
        "validate": "run",
        "check": "check",
        "doctor": "doctor",
        "grade": "grade",
        "report": "report",
        "migrate": "migrate",
    }
)
"""Each command and the file that has it. Only the one that is asked for is loaded: a server shall not hold them all."""


def main() -> None:
    """The console script: one line for what a person can mend, exit code 2."""
    try:
        _app(sys.argv[1:2])()
    except (CannotStart, FileFault, InvalidGrader) as error:
        console = Console(stderr=True, soft_wrap=True)
        console.print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
        sys.exit(UNUSABLE)


def _app(asked: list[str]) -> typer.Typer:
    app = typer.Typer(
        help="Executes reinforcement-fine-tuning graders.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_together)
    for name in [name for name in asked if name in COMMANDS] or COMMANDS:
        module = import_module(f"grader_service.cli.{COMMANDS[name]}")
        app.command(name)(getattr(module, name))
    return app


def _together() -> None:
    """With a callback typer asks for a command's name even where there is one command."""
