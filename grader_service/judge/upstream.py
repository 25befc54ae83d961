"""One upstream with all that holds it: its gate, its breaker, the retries, the budget."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from grader_service.errors import CannotGrade, JudgeTimedOut, JudgeUnavailable, Usage
from grader_service.events import BreakerChanged, JudgeAnswered, JudgeOutcome, Observe
from grader_service.judge import budget
from grader_service.judge.base import Load
from grader_service.judge.breaker import Breaker
from grader_service.judge.budget import Ledger, Reservation
from grader_service.judge.client import Client
from grader_service.judge.config import Upstream
from grader_service.judge.faults import TryFailed, timed_out
from grader_service.judge.gate import Gate
from grader_service.judge.models import Route

T = TypeVar("T")

FIRST_BACKOFF_SECONDS: Final = 0.5
LONGEST_BACKOFF_SECONDS: Final = 8.0
USUAL_COMPLETION_TOKENS: Final = 512
"""What an answer is expected to take of the tokens a minute; corrected once it is known."""


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What a try gave: a value, or an error about the answer itself. `usage` is None where the upstream did not say."""

    value: T | CannotGrade
    outcome: JudgeOutcome
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """Something to be sent; `send` makes one try. The two estimates are in tokens.

    `try_seconds` is for one try where it is not the upstream's `timeout_seconds`; `deadline_setting`
    names what an operator can change where the deadline was too short.
    """

    route: Route
    prompt_tokens: int
    completion_tokens: int
    send: Callable[[Client], Awaitable[Reply[T]]]
    try_seconds: float | None = None
    deadline_setting: str = "GRADER_JUDGE_TIMEOUT_SECONDS"


class HeldUpstream:
    """Drives one API as hard as its configuration allows, and no harder."""

    def __init__(
        self, client: Client, limits: Upstream, ledger: Ledger | None, observe: Observe
    ) -> None:
        self.client = client
        self.limits = limits
        self._ledger = ledger
        self._observe = observe
        self._gate = Gate(limits.concurrency, limits.requests_per_minute, limits.tokens_per_minute)
        self._breaker = Breaker(
            limits.breaker_failures,
            limits.breaker_seconds,
            lambda state: observe(BreakerChanged(client.name, state)),
        )

    def load(self) -> Load:
        return Load(self._gate.inside, self._gate.waiting, self._breaker.state)

    async def call(self, call: Call[T], deadline: float) -> Reply[T]:
        """Send until there is an answer, the tries are used up, or the deadline (`time.monotonic`) forbids another.

        Raises:
            CannotGrade: what the last try failed with.
            faults.FormRefused: the upstream does not know this `response_format`.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return await self._try(call, deadline)
            except TryFailed as failed:
                if not failed.again:
                    raise
                wait = self._wait(failed, tries)
                if tries >= self.limits.tries:
                    raise _given_up(failed, f"after {tries} tries") from None
                if time.monotonic() + wait >= deadline:
                    raise _given_up(failed, "and there is no time for another try") from None
            await asyncio.sleep(wait)

    def _wait(self, failed: TryFailed, tries: int) -> float:
        """As long as the upstream said (everybody then) and a little more, else a random part of a doubling time."""
        longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (tries - 1))
        if failed.wait is None:
            return random.uniform(longest / 2, longest)  # noqa: S311 - jitter
        self._gate.pause(failed.wait)
        return failed.wait + random.uniform(0, min(failed.wait / 4, longest))  # noqa: S311 - jitter

    async def _try(self, call: Call[T], deadline: float) -> Reply[T]:
        if self._breaker.seconds_left() > 0:
            raise self._left_alone()
        if time.monotonic() + self._gate.pause_left() >= deadline:
            raise JudgeUnavailable(
                f"the upstream {self.client.name!r} asks to be left alone for {self._gate.pause_left():.0f} s more"
            )
        tokens = call.prompt_tokens + min(call.completion_tokens, USUAL_COMPLETION_TOKENS)
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._gate.enter(tokens)
        except TimeoutError:
            raise JudgeTimedOut(
                f"no turn at the upstream {self.client.name!r} within the deadline ({call.deadline_setting})"
            ) from None
        surplus = 0
        try:
            reply = await self._paid(call, deadline)
            if reply.usage is not None:
                surplus = reply.usage.total_tokens - tokens
            return reply
        finally:
            self._gate.leave(surplus)

    async def _paid(self, call: Call[T], deadline: float) -> Reply[T]:
        price = call.route.price
        if self._ledger is None or price is None:
            return await self._observed(call, deadline, Reservation(0.0))
        estimate = Usage(call.prompt_tokens, call.completion_tokens)
        amount, left = budget.cost(price, estimate), deadline - time.monotonic()
        async with self._ledger.reserve(amount, left) as reservation:
            return await self._observed(call, deadline, reservation)

    async def _observed(self, call: Call[T], deadline: float, reservation: Reservation) -> Reply[T]:
        """One try, told to the breaker, the ledger and the listener, whatever comes of it."""
        if not self._breaker.admit():
            reservation.charge = 0.0
            raise self._left_alone()
        started = time.perf_counter()
        try:
            reply = await self._send(call, deadline)
        except TryFailed as failed:
            (self._breaker.fail if failed.sick else self._breaker.succeed)()
            if not failed.sent:
                reservation.charge = 0.0
            self._told(call, failed.outcome, started, Usage())
            raise
        except BaseException:
            # Cancelled: nobody waits for the answer, which may have to be paid all the same.
            self._breaker.abandon()
            raise
        self._breaker.succeed()
        if reply.usage is not None and call.route.price is not None:
            reservation.charge = budget.cost(call.route.price, reply.usage)
        self._told(call, reply.outcome, started, reply.usage or Usage())
        return reply

    async def _send(self, call: Call[T], deadline: float) -> Reply[T]:
        longest = call.try_seconds or self.limits.timeout_seconds
        seconds = min(longest, deadline - time.monotonic())
        try:
            async with asyncio.timeout(seconds):
                return await call.send(self.client)
        except TimeoutError:
            raise timed_out(self.client.name) from None

    def _told(self, call: Call[T], outcome: JudgeOutcome, started: float, usage: Usage) -> None:
        price = call.route.price
        self._observe(
            JudgeAnswered(
                upstream=self.client.name,
                model=call.route.rule,
                outcome=outcome,
                seconds=time.perf_counter() - started,
                usage=usage,
                cost=None if price is None else budget.cost(price, usage),
            )
        )

    def _left_alone(self) -> JudgeUnavailable:
        return JudgeUnavailable(
            f"the upstream {self.client.name!r} has failed {self.limits.breaker_failures} times in a row "
            f"and is left alone for {self._breaker.seconds_left():.0f} s more"
        )


def _given_up(failed: TryFailed, why: str) -> CannotGrade:
    return type(failed.error)(f"{failed.error.details} ({why})")
