"""The seam between the reading of files and the rules that look at rows."""

from collections.abc import Callable, Iterable

from grader_service.datasets.check.finding import Complaint, Lines, Source
from grader_service.datasets.rows import Row

Look = Callable[[Row], Iterable[Complaint]]


class RowRule:
    """Sees every row of every file once, in order; what it keeps of them is bounded."""

    def begin(self, source: Source) -> None:
        """The rows of this file come next."""

    def row(self, row: Row) -> Iterable[Complaint]:
        """What is wrong with this row."""
        return ()

    def end(self) -> Iterable[tuple[Complaint, Lines]]:
        """What only the whole file shows."""
        return ()


class EachRow(RowRule):
    """A rule that needs one row only."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def row(self, row: Row) -> Iterable[Complaint]:
        return self._look(row)
