"""Reads a rewards file, whatever its form."""

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grader_service.datasets.records import Record
from grader_service.errors import CannotStart
from grader_service.report.grades import BadRecord, Grades, collect
from grader_service.report.jsonl import JsonlSource
from grader_service.report.parquet import ParquetSource


class Source(Protocol):
    """Records that can be read again; a place is a number that only the source understands."""

    def records(self) -> Iterator[tuple[int, Record]]: ...

    def fetch(self, places: Iterable[int]) -> dict[int, Record]: ...


@dataclass(frozen=True, slots=True)
class Rewards:
    """Numbers in memory, texts on disk."""

    path: Path
    source: Source
    grades: Grades

    def fetch(self, positions: Iterable[int]) -> dict[int, Record]:
        """Whole records by their position in the arrays."""
        places = {position: int(self.grades.places[position]) for position in positions}
        records = self.source.fetch(places.values())
        return {position: records[place] for position, place in places.items()}


def read_rewards(path: Path) -> Rewards:
    """Raises:
    CannotStart: unreadable, no records of ours, none at all, or a pipe, which can be read only once.
    """
    try:
        source = _open(path)
        grades = collect(source.records())
    except OSError as error:
        raise CannotStart(f"{str(path)!r} cannot be read: {error.strerror or error}") from None
    except BadRecord as error:
        raise CannotStart(f"{path}: no record of `grader-service grade`: {error}") from None
    if not len(grades.keys):
        raise CannotStart(f"{str(path)!r} holds no record; write it with `grader-service grade`")
    return Rewards(path, source, grades)


def _open(path: Path) -> Source:
    if not stat.S_ISREG(path.stat().st_mode):
        raise CannotStart(
            f"{str(path)!r} is no regular file, and rewards are read twice; write them to one"
        )
    return ParquetSource(path) if path.suffix == ".parquet" else JsonlSource(path)
