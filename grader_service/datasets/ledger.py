"""Records on disk while a dataset is graded: each as it comes, so that a run can stop anywhere and go on."""

import contextlib
import fcntl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

from grader_service import jsontext
from grader_service.datasets.records import Record
from grader_service.datasets.tally import Tally
from grader_service.errors import CannotStart

RECORD_KEYS: Final = frozenset(Record.__annotations__)


class Ledger:
    """`done` are the (index, n) that have a record; `resumed` of them had it before. Made by `open_ledger`."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        """`file` is not buffered: what was paid for must outlive a kill."""
        self.done: set[tuple[int, int]] = set()
        self.tally = Tally()
        self.resumed = 0
        self._file = file

    def write(self, record: Record) -> None:
        """Append one.

        Raises:
            CannotStart: the disk is full, or gone.
        """
        self.count(record)
        if self._file is None:
            return
        rest = memoryview(jsontext.dumps(record) + b"\n")
        try:
            while (
                rest
            ):  # a disk with little room takes a part, and only the next write says that it is full
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise _unwritable(self._file.name, error) from None

    def count(self, record: Record) -> None:
        self.done.add((record["index"], record["n"]))
        self.tally.add(
            record["state"], record["reward"], [cause["kind"] for cause in record["causes"]]
        )


@contextmanager
def open_ledger(path: Path | None, identity: Mapping[str, Any]) -> Iterator[Ledger]:
    """A ledger in `path`, or in memory alone; one that is there goes on.

    `identity` is what makes a record what it is: grader, data, samples, model. It stands in a file
    beside, PATH.run, which also keeps a second process out.

    Raises:
        CannotStart: the file is another run's, or no run's; it is in use; it cannot be written.
    """
    if path is None:
        yield Ledger()
        return
    with ExitStack() as stack:
        try:
            mark = stack.enter_context(path.with_name(path.name + ".run").open("a+b"))
            _lock(mark, path)
            _check(mark, path, identity)
            before = _kept(path) if path.exists() else []
            ledger = Ledger(stack.enter_context(path.open("ab", buffering=0)))
        except OSError as error:
            raise _unwritable(str(path), error) from None
        for record in before:
            ledger.count(record)
        ledger.resumed = len(ledger.done)
        yield ledger


def _kept(path: Path) -> Iterable[Record]:
    """What is there, but for failed samples, which are graded again, and a torn last line: both are taken out."""
    fresh = path.with_name(path.name + ".new")
    with path.open("rb") as old, fresh.open("wb") as new:
        for line in old:
            if (record := record_in(line)) is not None and record["state"] != "failed":
                new.write(line)
    fresh.replace(path)
    return records_in(path)


def records_in(path: Path) -> Iterator[Record]:
    """The records of a file."""
    with path.open("rb") as file:
        for line in file:
            if (record := record_in(line)) is not None:
                yield record


def record_in(line: bytes) -> Record | None:
    """None where a line is torn."""
    with contextlib.suppress(jsontext.JsonError):
        value = jsontext.loads(line) if line.endswith(b"\n") else None
        if isinstance(value, dict) and value.keys() >= RECORD_KEYS:
            record: Record = value  # type: ignore[assignment]
            return record
    return None


def _unwritable(name: str, error: OSError) -> CannotStart:
    return CannotStart(f"{name!r} cannot be written: {error.strerror}")


def _lock(mark: IO[bytes], path: Path) -> None:
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(f"{str(path)!r} is being written by another `grade`") from None


def _check(mark: IO[bytes], path: Path, identity: Mapping[str, Any]) -> None:
    mark.seek(0)
    written = mark.read()
    if not written:
        if path.exists() and path.stat().st_size:
            raise CannotStart(
                f"{str(path)!r} is there and was not written by `grade`; choose another --output"
            )
        mark.write(jsontext.dumps(identity) + b"\n")
        mark.flush()
        return
    try:
        before = jsontext.loads(written)
    except jsontext.JsonError:
        before = None
    if not isinstance(before, dict):
        before = {}
    names = {
        **identity,
        **before,
    }  # what was given then and is not given now makes other records, too
    others = [name for name in names if before.get(name) != identity.get(name)]
    if others:
        raise CannotStart(
            f"{str(path)!r} was begun with another {' and another '.join(others)}; choose another --output, "
            f"or delete it and {mark.name!r}"
        )
