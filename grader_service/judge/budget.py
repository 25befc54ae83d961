"""The spending guard: what judges and sampled models may cost, per day and in all, and what they have cost."""

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grader_service.errors import BudgetExhausted, JudgeTimedOut, JudgeUnavailable, Usage
from grader_service.events import BudgetCharged, Observe
from grader_service.judge.config import Price
from grader_service.judge.record import SETTLING_SECONDS, Held, Record, Spending, open_record

ROUNDING: Final = 1e-9
POLL_SECONDS: Final = 0.25
"""How soon this process sees that another one has given back what it had set aside."""


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


class Ledger:
    """Reserves before anything is sent, so that calls at the same time cannot overshoot together, in whichever process."""

    def __init__(
        self, record: Record, per_day: float | None, total: float | None, observe: Observe
    ) -> None:
        self._record = record
        self._per_day = math.inf if per_day is None else per_day
        self._total = math.inf if total is None else total
        self._observe = observe
        self._holder = secrets.token_hex(8)
        self._reserved = 0.0
        self._until = 0.0
        self._unwritten = 0.0
        self._settled = asyncio.Condition()

    @asynccontextmanager
    async def reserve(self, amount: float, seconds: float) -> AsyncIterator[Reservation]:
        """Set `amount` aside while the body runs, then take the reservation's `charge`.

        Where only what others have reserved stands in the way, this waits for them, so many seconds;
        the body takes no longer than that, either.

        Raises:
            BudgetExhausted: it is not there.
            JudgeTimedOut: the others took too long.
            JudgeUnavailable: the record cannot be written.
        """
        until = time.time() + seconds + SETTLING_SECONDS
        async with self._settled:
            try:
                async with asyncio.timeout(seconds):
                    while not self._hold(amount, until):
                        await self._some_are_settled()
            except TimeoutError:
                raise JudgeTimedOut(
                    "what is left of the budget was reserved by other calls until the deadline"
                ) from None
        reservation = Reservation(amount)
        try:
            yield reservation
        finally:
            self._settle(amount, reservation.charge)
            waking = asyncio.ensure_future(self._wake())
            await asyncio.shield(waking)

    def _hold(self, amount: float, until: float) -> bool:
        """Whether the amount fits, which is written down then. Raises BudgetExhausted where waiting cannot help."""
        with self._record.locked():
            spending = self._read()
            held = spending.held_in_all()
            left_today = self._per_day - spending.today
            left = min(left_today, self._total - spending.total)
            if amount > left + held + ROUNDING:
                which = (
                    "GRADER_BUDGET_PER_DAY; it begins anew at 00:00 UTC"
                    if left == left_today
                    else "GRADER_BUDGET_TOTAL"
                )
                raise BudgetExhausted(
                    f"the budget is used up: {max(left + held, 0.0):.6g} is left and this call may cost {amount:.6g} ({which})"
                )
            if amount > left + ROUNDING:
                return False
            self._write(spending, amount, self._reserved + amount, max(until, self._until))
            self._reserved += amount
            self._until = max(until, self._until)
        return True

    def _settle(self, reserved: float, charge: float) -> None:
        self._reserved -= reserved
        if self._reserved < ROUNDING:
            self._reserved = self._until = 0.0
        spent = charge - reserved
        try:
            with self._record.locked():
                spending = self._read()
                self._write(spending, spent, self._reserved, self._until)
        except JudgeUnavailable:  # the next reservation meets it and says so
            self._unwritten += spent
            return
        self._told(spending)

    def _read(self) -> Spending:
        spending = self._record.read()
        spending.today += self._unwritten
        spending.total += self._unwritten
        return spending

    def _write(self, spending: Spending, more: float, held: float, until: float) -> None:
        spending.today = max(0.0, spending.today + more)  # somebody may have removed the file
        spending.total = max(0.0, spending.total + more)
        spending.held.pop(self._holder, None)
        if held:
            spending.held[self._holder] = Held(held, until)
        self._record.write(spending)
        self._unwritten = 0.0

    def tell(self) -> None:
        """Let the listener know what was spent until now."""
        with self._record.locked():
            spending = self._record.read()
        self._told(spending)

    def _told(self, spending: Spending) -> None:
        held = spending.held_in_all()
        self._observe(BudgetCharged(spending.today - held, spending.total - held))

    async def _some_are_settled(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._settled.wait()

    async def _wake(self) -> None:
        async with self._settled:
            self._settled.notify_all()


@contextmanager
def open_ledger(
    folder: Path, per_day: float | None, total: float | None, observe: Observe
) -> Iterator[Ledger]:
    """The ledger of a state folder. Whoever opens the same folder spends from the same budget.

    Raises:
        CannotStart: the folder or the record in it cannot be used.
    """
    with open_record(folder) as record:
        ledger = Ledger(record, per_day, total, observe)
        ledger.tell()
        yield ledger
