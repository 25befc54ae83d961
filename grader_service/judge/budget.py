"""The spending guard: what judges and sampled models may cost, per day and in all, and what they have cost."""

import asyncio
import contextlib
import datetime as dt
import fcntl
import json
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from grader_service.errors import (
    BudgetExhausted,
    CannotStart,
    JudgeTimedOut,
    JudgeUnavailable,
    Usage,
)
from grader_service.events import BudgetCharged, Observe
from grader_service.judge.config import Price

STATE_FILE: Final = "spending.json"
ROUNDING: Final = 1e-9


def cost(price: Price, usage: Usage) -> float:
    """What tokens cost; cached ones are among the prompt's, at their own price where they have one."""
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    cached_price = price.input if price.cached is None else price.cached
    millionths = (
        (usage.prompt_tokens - cached) * price.input
        + cached * cached_price
        + usage.completion_tokens * price.output
    )
    return millionths / 1e6


@dataclass(slots=True)
class Reservation:
    """Money set aside for one call; `charge` is what is taken in the end: all of it until somebody knows better."""

    charge: float


@dataclass(slots=True)
class _Spent:
    day: str
    today: float = 0.0
    total: float = 0.0


class Ledger:
    """Reserves before anything is sent, so that calls at the same time cannot overshoot together.

    The record on disk counts what is reserved as spent: after a crash it is rather too high than
    too low.
    """

    def __init__(
        self, path: Path, per_day: float | None, total: float | None, observe: Observe
    ) -> None:
        self._path = path
        self._per_day = math.inf if per_day is None else per_day
        self._total = math.inf if total is None else total
        self._observe = observe
        self._reserved = 0.0
        self._settled = asyncio.Condition()
        self._spent = _read(path)

    @asynccontextmanager
    async def reserve(self, amount: float, seconds: float) -> AsyncIterator[Reservation]:
        """Set `amount` aside while the body runs, then take the reservation's `charge`.

        Where only what others have reserved stands in the way, this waits for them, so many seconds.

        Raises:
            BudgetExhausted: it is not there.
            JudgeTimedOut: the others took too long.
            JudgeUnavailable: the record cannot be written.
        """
        async with self._settled:
            try:
                async with asyncio.timeout(seconds):
                    while not self._fits(amount):
                        await self._settled.wait()
            except TimeoutError:
                raise JudgeTimedOut(
                    "what is left of the budget was reserved by other calls until the deadline"
                ) from None
            self._reserved += amount
            try:
                self._write()
            except JudgeUnavailable:
                self._reserved -= amount
                raise
        reservation = Reservation(amount)
        try:
            yield reservation
        finally:
            self._settle(amount, reservation.charge)
            waking = asyncio.ensure_future(self._wake())
            await asyncio.shield(waking)

    def _fits(self, amount: float) -> bool:
        """Raises BudgetExhausted where waiting cannot help."""
        self._turn_day()
        left_today = self._per_day - self._spent.today
        left = min(left_today, self._total - self._spent.total)
        if amount > left + ROUNDING:
            which = (
                "GRADER_BUDGET_PER_DAY; it begins anew at 00:00 UTC"
                if left == left_today
                else "GRADER_BUDGET_TOTAL"
            )
            raise BudgetExhausted(
                f"the budget is used up: {max(left, 0.0):.6g} is left and this call may cost {amount:.6g} ({which})"
            )
        return amount + self._reserved <= left + ROUNDING

    def _settle(self, reserved: float, charge: float) -> None:
        self._turn_day()
        self._reserved -= reserved
        if self._reserved < ROUNDING:
            self._reserved = 0.0
        self._spent.today += charge
        self._spent.total += charge
        with contextlib.suppress(JudgeUnavailable):  # the next reservation meets it and says so
            self._write()
        self.tell()

    def tell(self) -> None:
        """Let the listener know what was spent until now."""
        self._turn_day()
        self._observe(BudgetCharged(self._spent.today, self._spent.total))

    async def _wake(self) -> None:
        async with self._settled:
            self._settled.notify_all()

    def _turn_day(self) -> None:
        today = _today()
        if self._spent.day != today:
            self._spent = _Spent(today, 0.0, self._spent.total)

    def _write(self) -> None:
        """A whole new file, renamed over the old one: a reader or a crash sees one or the other."""
        record = {
            "day": self._spent.day,
            "today": self._spent.today + self._reserved,
            "total": self._spent.total + self._reserved,
        }
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(record) + "\n")
            fresh.replace(self._path)
        except OSError as error:
            raise JudgeUnavailable(
                f"what judges cost cannot be written down, so nothing is sent: {error.strerror}"
            ) from None


@contextmanager
def open_ledger(
    folder: Path, per_day: float | None, total: float | None, observe: Observe
) -> Iterator[Ledger]:
    """The ledger of a state folder, which no other server may use in the meantime.

    Raises:
        CannotStart: the folder or the record in it cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / (STATE_FILE + ".lock")).open("a")
    except OSError as error:
        raise CannotStart(
            f"GRADER_STATE_DIR: {str(folder)!r} cannot be used: {error.strerror}; name a folder that can be written"
        ) from None
    with lock:
        _lock(lock, folder)
        ledger = Ledger(folder / STATE_FILE, per_day, total, observe)
        ledger.tell()
        yield ledger


def _lock(lock: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise CannotStart(
            f"GRADER_STATE_DIR: {str(folder)!r} is in use by another server; give each its own, since they would overspend together"
        ) from None


def _read(path: Path) -> _Spent:
    try:
        record = json.loads(path.read_text())
        spent = _Spent(str(record["day"]), float(record["today"]), float(record["total"]))
    except FileNotFoundError:
        return _Spent(_today())
    except (OSError, ValueError, TypeError, KeyError):
        spent = _Spent("", math.nan, math.nan)
    if not (math.isfinite(spent.today) and math.isfinite(spent.total)):
        raise CannotStart(
            f"{str(path)!r}, the record of what judges have cost, cannot be read; mend it, or remove it to begin at 0"
        )
    return spent


def _today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()
