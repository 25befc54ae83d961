"""The seam between a python grader and whatever runs it in isolation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

DEFAULT_IMAGE_TAG = "2025-05-08"
"""What the hosted service echoes for a grader that names none (grader-api §8.5)."""

MAX_SOURCE_BYTES = 262_144
"""The hosted service's limit (grader-api §8.5)."""


@dataclass(frozen=True, slots=True)
class Program:
    """One grade to run: the user's source, and what its `grade(sample, item)` receives.

    `tenant` keeps warm workers of different API keys apart; "" where there are no keys.
    """

    source: str
    sample: Mapping[str, Any]
    item: Mapping[str, Any]
    image_tag: str = DEFAULT_IMAGE_TAG
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program returned (a finite number), printed (cut at 64 kB each) and cost."""

    value: float
    stdout: str = ""
    stderr: str = ""
    run_seconds: float = 0.0
    queue_seconds: float = 0.0
    warm: bool = False


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """Which engine runs, whether it can grade now, and why, for /readyz, the log and metrics.

    `workers` counts them by state, `waiting` the grades that wait for one.
    """

    engine: Literal["docker", "bubblewrap", "off"]
    ready: bool
    reason: str
    workers: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0


class Sandbox(Protocol):
    """Runs programs; safe to call concurrently. Its lifetime is an async context manager elsewhere."""

    async def run(self, program: Program) -> Outcome:
        """Run one program in a fresh state.

        Raises:
            SourceInvalid, SourceRaised, BadReturnValue, TimeLimitExceeded, MemoryLimitExceeded,
            ProcessKilled: the program's own fault.
            SandboxOff, SandboxUnavailable, SandboxOverloaded: not the program's fault.
        """
        ...

    def status(self) -> SandboxStatus:
        """The engine's state as last seen; never blocks."""
        ...
