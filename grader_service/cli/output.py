"""How commands speak: tables and colours for a person, JSON for a pipe, exit codes for a script."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from grader_service import jsontext

UNGRADED = 1
UNUSABLE = 2
"""Exit codes: the command did its work and found what should not be; the grader, the arguments or the settings are wrong."""

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, as a pipe gets it anyway.")]


@contextlib.contextmanager
def output(as_json: bool) -> Iterator[Console | None]:
    """A console where a person reads, None where JSON is wanted."""
    yield Console() if sys.stdout.isatty() and not as_json else None


def write_json(answer: Any) -> None:
    """One line on standard output."""
    sys.stdout.write(jsontext.dumps(answer).decode() + "\n")


def tell(line: str) -> None:
    """One line on standard error, as it stands."""
    Console(stderr=True, soft_wrap=True).print(escape(line), highlight=False)
