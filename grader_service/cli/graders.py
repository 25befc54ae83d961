"""The argument that most commands have: a grader's file."""

from pathlib import Path
from typing import Annotated

import typer

from grader_service import catalog
from grader_service.errors import CannotStart
from grader_service.graders.base import Grader

GraderFile = Annotated[Path, typer.Argument(metavar="GRADER", help="Grader as .json or .yaml.")]


def load(file: Path) -> Grader:
    """The grader of a file.

    Raises:
        CannotStart: the file cannot be read.
        catalog.FileFault: it holds no grader; names line and fault.
    """
    try:
        return catalog.parse(file, file.read_bytes())
    except OSError as error:
        raise CannotStart(f"{str(file)!r} cannot be read: {error.strerror}") from None
