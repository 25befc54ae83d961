"""Opens engines of which a test has replaced some."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from grader_service.engines import open_engines
from grader_service.events import Observe
from grader_service.graders.context import Engines
from grader_service.settings import Settings


def opening(
    **engines: object,
) -> Callable[[Settings, Observe], AbstractAsyncContextManager[Engines]]:
    """The real engines, but for those named: `opening(sandbox=ScriptedSandbox([1.0]))`."""

    @asynccontextmanager
    async def opened(settings: Settings, observe: Observe) -> AsyncIterator[Engines]:
        async with open_engines(settings, observe) as real:
            yield replace(real, **engines)

    return opened
