"""Leaves an upstream alone that has failed many times in a row."""

import time
from collections.abc import Callable

from grader_service.events import BreakerState


class Breaker:
    """Closed: everything goes. Open: nothing, for some seconds. Half open: one probe decides.

    Only what speaks of the upstream's health counts: no answer, a broken one, a 5xx; not a 429.
    """

    def __init__(
        self, failures: int, seconds: float, changed: Callable[[BreakerState], None]
    ) -> None:
        self._allowed = failures
        self._seconds = seconds
        self._changed = changed
        self._failures = 0
        self._opened_at = 0.0
        self.state: BreakerState = "closed"

    def seconds_left(self) -> float:
        """How long nothing may be sent; 0 where a try may go out now, be it as the probe."""
        if self.state != "open":
            return 0.0
        return max(0.0, self._opened_at + self._seconds - time.monotonic())

    def admit(self) -> bool:
        """Whether this try may go out; it must be followed by `succeed`, `fail` or `abandon`."""
        if self.state == "half_open" or self.seconds_left() > 0:
            return False
        if self.state == "open":
            self._become("half_open")
        return True

    def succeed(self) -> None:
        self._failures = 0
        self._become("closed")

    def fail(self) -> None:
        self._failures += 1
        if self.state == "half_open" or self._failures >= self._allowed:
            self._opened_at = time.monotonic()
            self._become("open")

    def abandon(self) -> None:
        """The try ended without telling anything: a probe makes way for another one."""
        if self.state == "half_open":
            self._become("open")

    def _become(self, state: BreakerState) -> None:
        if state != self.state:
            self.state = state
            self._changed(state)
