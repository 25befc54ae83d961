"""What evals are copied out of."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any, Protocol

from grader_service.errors import GraderServiceError

Told = dict[str, Any]
"""An object as the source tells it, in the words of the API; it has an id."""


class Part(StrEnum):
    """Evals come with their runs and output items."""

    EVALS = "evals"
    FILES = "files"


class NotHandedOut(GraderServiceError):
    """The source does not give one thing; others it may."""


class Interrupted(NotHandedOut):
    """In the middle of a file."""


class Source(Protocol):
    """Pages of what it has.

    Every method raises NotHandedOut where the source refuses this one thing, and CannotStart where
    it cannot be asked for anything now.
    """

    def evals(self) -> AsyncIterator[list[Told]]: ...

    def runs(self, eval_id: str) -> AsyncIterator[list[Told]]: ...

    def items(self, eval_id: str, run_id: str, after: str | None) -> AsyncIterator[list[Told]]:
        """Output items of a run, those behind the item `after`."""
        ...

    def files(self) -> AsyncIterator[list[Told]]: ...

    def content(self, file_id: str) -> AsyncIterator[bytes]:
        """The pieces of a file. A connection that breaks meanwhile is Interrupted: begin anew."""
        ...
