"""The rule that a column is of one type: in all rows of a file, and in both files."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from grader_service.datasets.check.finding import Complaint, Lines, Source
from grader_service.datasets.check.row_rule import RowRule
from grader_service.datasets.rows import Row

MAX_COLUMNS: Final = 500
RESERVED: Final = frozenset({"messages", "tools"})

_KINDS: Final[Mapping[type, str]] = MappingProxyType(
    {
        str: "a string",
        int: "a number",
        float: "a number",
        bool: "a boolean",
        list: "an array",
        dict: "an object",
        type(None): "null",
    }
)

Kinds = dict[str, Lines]


class ColumnTypes(RowRule):
    """Tells of columns with more than one type, null and absence among them; 500 columns are looked at."""

    def __init__(self) -> None:
        self._rows = 0
        self._source: Source = "train"
        self._columns: dict[str, Kinds] = {}
        self._before: dict[str, str] = {}

    def begin(self, source: Source) -> None:
        self._rows, self._source, self._columns = 0, source, {}

    def row(self, row: Row) -> tuple[()]:
        for name, value in row.item.items():
            kinds = self._columns.get(name)
            if kinds is None:
                if name in RESERVED or len(self._columns) >= MAX_COLUMNS:
                    continue
                kinds = self._columns[name] = {}
            kind = _KINDS[type(value)]
            lines = kinds.get(kind)
            if lines is None:
                lines = kinds[kind] = Lines()
            lines.add(row.line)
        self._rows += 1
        return ()

    def end(self) -> Iterator[tuple[Complaint, Lines]]:
        usual = {name: self._usual(kinds) for name, kinds in self._columns.items()}
        for name, kinds in self._columns.items():
            if len(kinds) > 1:
                yield self._mixed(name, kinds, usual[name])
            before = self._before.get(name, usual[name])
            if before != usual[name] and "null" not in (before, usual[name]):
                message = f"{name[:60]!r} is {usual[name]} here, and {before} in the training rows"
                yield Complaint(message, "let both files have one type", "warning"), Lines()
        for name in self._before.keys() - usual.keys() if self._rows else ():
            message = f"{name[:60]!r} is in the training rows, and in none of these"
            yield Complaint(message, "give both files the same columns", "warning"), Lines()
        self._before = usual

    def _usual(self, kinds: Kinds) -> str:
        """Completes `kinds` with the number of rows that lack the column; null is usual only where nothing else is."""
        values = [kind for kind in kinds if kind != "null"] or ["null"]
        usual = max(values, key=lambda kind: kinds[kind].count)
        absent = self._rows - sum(lines.count for lines in kinds.values())
        if absent:
            kinds["absent"] = Lines(absent)
        return usual

    def _mixed(self, name: str, kinds: Kinds, usual: str) -> tuple[Complaint, Lines]:
        """The lines of the unusual; those that lack the column are counted only."""
        said = ", ".join(
            f"{kind} in {lines.count}" for kind, lines in sorted(kinds.items(), key=_size)
        )
        unusual = Lines()
        for kind, lines in kinds.items():
            if kind != usual:
                unusual.merge(lines)
        advice = "give it a value everywhere" if usual == "null" else f"make it {usual} everywhere"
        complaint = Complaint(
            f"{name[:60]!r} is {said} of {self._rows} rows",
            f"{advice}: graders meet it as it is",
            "warning",
        )
        return complaint, unusual


def _size(kind: tuple[str, Lines]) -> int:
    return -kind[1].count
