"""What is to be graded of a dataset: each sample of each row, from the files that hold them."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from grader_service import jsontext
from grader_service.datasets.records import Record, added
from grader_service.datasets.rows import BYTE_ORDER_MARK, Row, RowFault, parse_row
from grader_service.errors import CannotStart, Usage
from grader_service.sample import sample_of


@dataclass(frozen=True, slots=True)
class Piece:
    """One sample of one row; `sample` is None where a model is still to be asked, `usage` is what it cost."""

    index: int
    n: int
    item: Mapping[str, Any]
    sample: Mapping[str, Any] | None
    usage: Mapping[str, Usage] = field(default_factory=dict)

    def record(self, graded: Record) -> Record:
        """What grading this sample gave, wherever it was done, with all that is known of the sample."""
        usage = dict(graded["usage"])
        for model, tokens in self.usage.items():
            usage[model] = added(usage.get(model), tokens)
        return {
            **graded,
            "index": self.index,
            "n": self.n,
            "usage": usage,
            "item": self.item,
            "sample": self.sample,
        }


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that is no sample, and why."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class Lines:
    """The lines of a file that are not blank, each to be had by its place; `digest` is of the whole file."""

    def __init__(self, path: Path) -> None:
        """Read it once.

        Raises:
            CannotStart: it cannot be read.
        """
        self.name = path.name
        self._offsets = array("Q")
        self._numbers = array("Q")
        digest = hashlib.sha256()
        try:
            self._file: IO[bytes] = path.open("rb")
            offset = 0
            for number, line in enumerate(self._file, start=1):
                digest.update(line)
                if line.removeprefix(BYTE_ORDER_MARK).strip():
                    self._offsets.append(offset)
                    self._numbers.append(number)
                offset += len(line)
        except OSError as error:
            raise CannotStart(f"{str(path)!r} cannot be read: {error.strerror}") from None
        self.digest = digest.hexdigest()

    def __len__(self) -> int:
        return len(self._offsets)

    def number(self, place: int) -> int:
        """Of the line in the file, from 1."""
        return self._numbers[place]

    def __getitem__(self, place: int) -> bytes:
        self._file.seek(self._offsets[place])
        return self._file.readline().removeprefix(BYTE_ORDER_MARK)

    def close(self) -> None:
        self._file.close()


class Rows:
    """Rows of a dataset by index; the last one is kept, for its samples mostly follow each other."""

    def __init__(self, lines: Lines, limit: int | None) -> None:
        self._lines = lines
        self._count = len(lines) if limit is None else min(limit, len(lines))
        self.is_cut = self._count < len(lines)
        self._last: tuple[int, Row | Unread] | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Row | Unread:
        if self._last is None or self._last[0] != index:
            line = self._lines.number(index)
            try:
                self._last = index, parse_row(self._lines[index], index, line)
            except RowFault as fault:
                self._last = index, Unread(self._lines.name, line, fault.message)
        return self._last[1]

    def unread(self, index: int, message: str) -> Unread:
        return Unread(self._lines.name, self._lines.number(index), message)


def own_samples(rows: Rows) -> Iterator[Piece | Unread]:
    """What each row brought with it."""
    for index in range(len(rows)):
        row = rows[index]
        if isinstance(row, Row) and row.sample is None:
            yield rows.unread(
                index, 'has no sample: a row is {"item": {…}, "sample": …} here; or give --samples'
            )
        else:
            yield row if isinstance(row, Unread) else Piece(index, 0, row.item, row.sample)


def to_draw(rows: Rows, n: int) -> Iterator[Piece | Unread]:
    """Each row `n` times, for a model to answer."""
    for index in range(len(rows)):
        row = rows[index]
        if isinstance(row, Unread):
            yield row
            continue
        for number in range(n):
            yield Piece(index, number, row.item, None)


def given_samples(rows: Rows, samples: Lines, n: int) -> Iterator[Piece | Unread]:
    """Samples of a file of their own.

    A line is the model's output as a string; the sample as an object, which has `output_text`; or
    `{"sample": …, "index": …, "n": …}` around either. Without `index` the lines belong to the rows
    in their order, `n` to each; without `n` a row's samples are counted as they come.
    """
    counts: Counter[int] = Counter()
    taken: set[tuple[int, int]] = set()
    for place in range(len(samples)):
        try:
            index, number, sample = _sample(samples[place])
        except ValueError as fault:
            yield Unread(samples.name, samples.number(place), str(fault))
            continue
        index = place // n if index is None else index
        if index >= len(rows):
            if not rows.is_cut:
                message = f"belongs to row {index}, but the data has {len(rows)} rows"
                yield Unread(samples.name, samples.number(place), message)
            continue
        number = counts[index] if number is None else number
        counts[index] += 1
        if (index, number) in taken:
            message = f"row {index} has another sample with n {number} before this one"
            yield Unread(samples.name, samples.number(place), message)
            continue
        taken.add((index, number))
        row = rows[index]
        yield row if isinstance(row, Unread) else Piece(index, number, row.item, sample)


def _sample(line: bytes) -> tuple[int | None, int | None, Mapping[str, Any]]:
    """`index`, `n` and the namespace. Raises ValueError with what is wrong."""
    try:
        given = jsontext.loads(line.strip())
    except jsontext.JsonError as error:
        raise ValueError(f"no valid JSON: {error}") from None
    index = n = None
    if isinstance(given, dict) and "sample" in given:
        index, n = given.get("index"), given.get("n")
        given = given["sample"]
    for name, value in (("index", index), ("n", n)):
        if value is not None and (type(value) is not int or value < 0):
            raise ValueError(f"`{name}` must be a whole number from 0 on")
    if isinstance(given, str):
        return index, n, sample_of(given)
    if isinstance(given, dict) and "output_text" in given:
        return index, n, given
    raise ValueError(
        'is no sample: write "the output", {"output_text": …}, or {"sample": either of them, "index": 0}'
    )
