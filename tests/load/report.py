"""What a program of this folder is given, and what it hands back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """`timing` is off where the machine is busy with other things: figures are shown then, not judged.

    `engine` is the folder of a Docker engine that `.ci/engine start FOLDER` has started and that may be killed.
    """

    seconds: float
    sandbox: str = "auto"
    timing: bool = True
    engine: Path | None = None


@dataclass(frozen=True)
class Check:
    """A promise, and whether it was kept."""

    promise: str
    kept: bool


@dataclass(frozen=True)
class Report:
    """The end of one program. `missing` says what it would have needed where it did not run."""

    name: str
    conditions: str
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    missing: str = ""

    @property
    def good(self) -> bool:
        return all(check.kept for check in self.checks)


def timed(options: Options, checks: Iterable[Check]) -> list[Check]:
    """Checks that a busy machine may fail."""
    return list(checks) if options.timing else []
