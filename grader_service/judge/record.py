"""What judges have cost, in a file that all processes of this machine may share: each change is made under its lock."""

import contextlib
import datetime as dt
import fcntl
import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from grader_service.errors import CannotStart, JudgeUnavailable

STATE_FILE: Final = "spending.json"
SETTLING_SECONDS: Final = 10.0
"""How long after its deadline a call has certainly told what it cost."""


@dataclass(slots=True)
class Held:
    """What one process has set aside for its calls, all of which have ended at `until` (Unix seconds)."""

    amount: float
    until: float


@dataclass(slots=True)
class Spending:
    """What is held counts as spent, today and in all: after a crash the sums are rather too high than too low."""

    day: str
    today: float = 0.0
    total: float = 0.0
    held: dict[str, Held] = field(default_factory=dict)

    def turn(self) -> None:
        """To this day, into which what is held goes along; what a dead process held stays spent."""
        now = time.time()
        for holder in [name for name, held in self.held.items() if held.until < now]:
            del self.held[holder]
        day = dt.datetime.now(dt.UTC).date().isoformat()
        if self.day != day:
            self.day, self.today = day, self.held_in_all()

    def held_in_all(self) -> float:
        return math.fsum(held.amount for held in self.held.values())


class Record:
    """The file; made by `open_record`."""

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock = lock

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else reads or writes meanwhile. Held for microseconds: the event loop may wait for it.

        Raises:
            JudgeUnavailable: the file cannot be locked, read or written.
        """
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)
        except OSError as error:
            raise JudgeUnavailable(
                f"what judges cost cannot be written down, so nothing is sent: {error.strerror}"
            ) from None

    def read(self) -> Spending:
        """As it is today. Raises `JudgeUnavailable` where somebody has broken it."""
        try:
            spending = _parsed(json.loads(self._path.read_text()))
        except FileNotFoundError:
            spending = Spending("")
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise JudgeUnavailable(
                f"{str(self._path)!r}, the record of what judges have cost, cannot be read; mend it, or remove it to begin at 0"
            ) from None
        spending.turn()
        return spending

    def write(self, spending: Spending) -> None:
        """A whole new file, renamed over the old one: a crash leaves one or the other."""
        record = {
            "day": spending.day,
            "today": spending.today,
            "total": spending.total,
            "held": {name: [held.amount, held.until] for name, held in spending.held.items()},
        }
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(record) + "\n")
        fresh.replace(self._path)


def _parsed(record: Mapping[str, Any]) -> Spending:
    """Raises TypeError, ValueError, KeyError or AttributeError for what no server has written."""
    held = record.get("held", {})  # older servers wrote none
    spending = Spending(
        str(record["day"]),
        float(record["today"]),
        float(record["total"]),
        {name: Held(float(amount), float(until)) for name, (amount, until) in held.items()},
    )
    numbers = [spending.today, spending.total, spending.held_in_all()]
    if not all(map(math.isfinite, numbers)):
        raise ValueError
    return spending


@contextmanager
def open_record(folder: Path) -> Iterator[Record]:
    """The record of a state folder.

    Raises:
        CannotStart: the folder or the record in it cannot be used.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((folder / (STATE_FILE + ".lock")).open("a"))
        except OSError as error:
            raise CannotStart(
                f"GRADER_STATE_DIR: {str(folder)!r} cannot be used: {error.strerror}; name a folder that can be written"
            ) from None
        record = Record(folder / STATE_FILE, lock.fileno())
        try:
            with record.locked():
                record.read()
        except JudgeUnavailable as error:
            raise CannotStart(error.details) from None
        yield record
