"""How hard one upstream is driven: so many questions at once, so many questions and tokens a minute."""

import asyncio
import random
import time
from typing import Final

BURST: Final = 0.05
"""The part of a minute's allowance that may go at once; with the rest spread evenly no minute has more than its limit."""

LONGEST_PAUSE_SECONDS: Final = 120.0
"""A `Retry-After` of a day, be it a mistake, must not end the grading of a day."""


class Pace:
    """An even flow of at most so many units a minute; constant time per call, whatever waits (a virtual schedule)."""

    def __init__(self, per_minute: float | None) -> None:
        self._seconds_per_unit = 60.0 / (per_minute * (1 - BURST)) if per_minute else 0.0
        self._burst_seconds = 60.0 * BURST / (1 - BURST)
        self._next = 0.0

    def book(self, units: float) -> float:
        """Takes units, and says how many seconds from now they may be used."""
        if not self._seconds_per_unit:
            return 0.0
        now = time.monotonic()
        start = max(self._next, now - self._burst_seconds)
        self._next = start + units * self._seconds_per_unit
        return max(0.0, start - now)

    def correct(self, units: float) -> None:
        """More (or, negative, fewer) units were used than booked."""
        self._next += units * self._seconds_per_unit


class Gate:
    """Lets questions through to one upstream, first come, first served.

    The paces are waited for with a place at the upstream already taken, so that at most
    `concurrency` questions ever wait for them, and none of the queue behind wakes before its turn.
    """

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
    ) -> None:
        self._places = asyncio.Semaphore(concurrency)
        self._requests = Pace(requests_per_minute)
        self._tokens = Pace(tokens_per_minute)
        self._paused_until = 0.0
        self.waiting = 0
        self.inside = 0

    async def enter(self, tokens: int) -> None:
        """Wait for one's turn; `leave` must follow, unless this was cancelled."""
        self.waiting += 1
        try:
            await self._places.acquire()
            try:
                await asyncio.sleep(max(self._requests.book(1), self._tokens.book(tokens)))
                await self._wait_out_pause()
            except BaseException:  # given up: others may use what was booked
                self._requests.correct(-1)
                self._tokens.correct(-tokens)
                self._places.release()
                raise
        finally:
            self.waiting -= 1
        self.inside += 1

    def leave(self, surplus_tokens: int = 0) -> None:
        """Give the place up; `surplus_tokens` were used beyond those booked."""
        self.inside -= 1
        self._tokens.correct(surplus_tokens)
        self._places.release()

    def pause(self, seconds: float) -> None:
        """The upstream wants to be left alone: nobody is let through for so long, or for `LONGEST_PAUSE_SECONDS`."""
        until = time.monotonic() + min(seconds, LONGEST_PAUSE_SECONDS)
        self._paused_until = max(self._paused_until, until)

    def pause_left(self) -> float:
        """Seconds until anybody is let through again."""
        return max(0.0, self._paused_until - time.monotonic())

    async def _wait_out_pause(self) -> None:
        while (left := self.pause_left()) > 0:  # noqa: ASYNC110 - a pause may grow meanwhile
            await asyncio.sleep(left + random.uniform(0, min(1.0, left / 4)))  # noqa: S311 - jitter
