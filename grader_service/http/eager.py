"""Awaiting what is there already without the price of a timer, which is a tenth of a string_check."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. The timer is armed only where `work` has to wait for something.

    Raises:
        TimeoutError: it waited for so long.
    """
    try:
        waited_for = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    async with asyncio.timeout(seconds):
        return await _Begun(work, waited_for)


class _Begun(Generator[Any, Any, T]):
    """A coroutine that has taken its first step: gives the task what that step waits for, then goes on."""

    def __init__(self, work: Coroutine[Any, Any, T], waited_for: object) -> None:
        self._work = work
        self._first: tuple[object, ...] = (waited_for,)

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def send(self, value: object) -> object:
        if self._first:
            (waited_for,), self._first = self._first, ()
            return waited_for
        return self._work.send(value)

    def throw(self, *error: Any) -> object:
        self._first = ()
        return self._work.throw(*error)

    def close(self) -> None:
        self._work.close()
