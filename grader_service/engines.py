"""Opens what graders use of the outside world, in the order in which one needs the other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from grader_service.events import Observe
from grader_service.graders.context import Engines
from grader_service.judge.off import NoJudge
from grader_service.sandbox.off import NoSandbox
from grader_service.settings import Settings


@asynccontextmanager
async def open_engines(settings: Settings, observe: Observe) -> AsyncIterator[Engines]:
    """Engines for as long as the server, or one command, lives.

    Raises:
        CannotStart: something that the settings name is not there.
    """
    yield Engines(similarity=None, sandbox=NoSandbox("off"), judge=NoJudge(), observe=observe)
