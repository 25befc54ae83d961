"""What happened, as frozen data: graders emit it, metrics and logs listen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["value", "invalid", "failed"]
"""A reward; no reward because of the sample; no reward because of us or of an upstream."""


@dataclass(frozen=True, slots=True)
class Graded:
    """One grade is done. `kinds` are the `errors.CannotGrade.kind` of all causes, parts included.

    `catalogue` is the catalogue's name for the grader, None for one that came in a request;
    `part` is True for a part of a multi, whose own event follows. `defect` is an exception of ours.
    """

    grader_type: str
    catalogue: str | None
    part: bool
    state: State
    kinds: tuple[str, ...]
    reward: float
    seconds: float
    trace_id: str | None
    defect: Exception | None = None


Engine = Literal["docker", "bubblewrap", "off"]
"""What runs python graders."""


@dataclass(frozen=True, slots=True)
class SandboxOpened:
    """The sandbox has been chosen, or its readiness has changed; `warnings` are for the operator's log."""

    engine: Engine
    ready: bool
    reason: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SandboxRan:
    """One program has had its end in the sandbox, or its end while waiting for a worker (`run_seconds` is 0).

    `warm` tells that a worker for this source was ready; `end` is "value" or the `kind` of the error.
    """

    engine: Engine
    warm: bool
    queue_seconds: float
    run_seconds: float
    end: str


@dataclass(frozen=True, slots=True)
class SandboxWorkerLost:
    """A worker was thrown away although it was not too many: it died, left something behind, or went silent.

    `last_words` is the end of the runner's stderr: lines of this service's own code, none of a grader's.
    """

    engine: Engine
    reason: Literal["died", "dirty", "silent", "protocol"]
    last_words: str = ""


Observe = Callable[[Graded], None]
"""A listener: must return at once and never raise."""

ObserveSandbox = Callable[[SandboxOpened | SandboxRan | SandboxWorkerLost], None]
"""A listener: must return at once and never raise."""
