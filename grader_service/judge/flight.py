"""Lets identical questions that are asked at the same time share one call.

Identical means: of the same tenant, to the same model, with the same rendered messages, form and
sampling. At a temperature above 0 the sharers get one sample where each alone would have got its
own. That is wanted where many rollouts gave the same text, which then get the same reward. Whoever
wants independent samples says `no-store`, or sets GRADER_JUDGE_SINGLE_FLIGHT to `deterministic`
(share only what has a seed or temperature 0) or `off`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    passengers: int = 0
    claimed: bool = False


class Flights(Generic[T]):
    """Calls under way, by key. One that nobody waits for any more is cancelled."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._flights

    async def join(self, key: str, start: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, bool]:
        """The call's result, and whether it is this caller's to pay: exactly one's who gets it.

        `start` begins the call where none is under way.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = _Flight(asyncio.create_task(start()))
            self._flights[key] = flight
        flight.passengers += 1
        try:
            result = await asyncio.shield(flight.task)
        finally:
            flight.passengers -= 1
            if self._flights.get(key) is flight and (flight.task.done() or not flight.passengers):
                del self._flights[key]
            if not flight.passengers:
                flight.task.cancel()
        pays, flight.claimed = not flight.claimed, True
        return result, pays
