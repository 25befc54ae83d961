"""What a pool needs of an engine: start a runner somewhere isolated, connect a worker to it, end it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from grader_service.sandbox.worker import Worker

End = Callable[[], Awaitable[None]]
"""Ends what `launch` started, however it is; returns when nothing of it is left. Never raises."""


class LaunchFailed(Exception):
    """No worker could be started; the text is a sentence. `permanent` where waiting will not help."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Limits:
    """What one grade may use."""

    timeout_seconds: float
    memory_bytes: int
    disk_bytes: int = 1 << 30


class Engine(Protocol):
    """Starts runners; its own lifetime is an async context manager elsewhere."""

    @property
    def name(self) -> Literal["docker", "bubblewrap"]: ...

    async def launch(self, image_tag: str) -> tuple[Worker, End]:
        """A worker whose runner is starting; `Worker.greeted` tells when it is up.

        Raises:
            LaunchFailed: nothing was started, or nothing is left of it.
        """
        ...
