"""The sandbox of a server that was there before its engine: looks for it again, and takes it when it comes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from grader_service.sandbox.base import Outcome, Program, Sandbox, SandboxStatus

Choose = Callable[[contextlib.AsyncExitStack], Awaitable[Sandbox]]
"""Opens what works now, into a stack that will end it; never fails."""

_LOOK_SECONDS = (1.0, 2.0, 5.0, 10.0)


class LateSandbox:
    """Implements `Sandbox` by what there is now: a refusal at first."""

    def __init__(self, refusing: Sandbox) -> None:
        self._now = refusing

    async def run(self, program: Program) -> Outcome:
        return await self._now.run(program)

    def status(self) -> SandboxStatus:
        return self._now.status()

    async def look(self, choose: Choose) -> None:
        """Until cancelled; ends what it has opened, then."""
        async with contextlib.AsyncExitStack() as stack:
            looks = 0
            while self._now.status().engine == "off":
                await asyncio.sleep(_LOOK_SECONDS[min(looks, len(_LOOK_SECONDS) - 1)])
                looks += 1
                self._now = await choose(stack)
            await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def open_late(refusing: Sandbox, choose: Choose) -> AsyncIterator[LateSandbox]:
    """A sandbox that may begin to work at any time."""
    late = LateSandbox(refusing)
    looking = asyncio.create_task(late.look(choose))
    try:
        yield late
    finally:
        looking.cancel()
        await asyncio.wait([looking])
