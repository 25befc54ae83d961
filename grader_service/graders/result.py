"""What grading gives: a score from the grader's own work, a result with causes from `grade`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader_service.errors import CannotGrade, Failed, Flag, Usage
from grader_service.events import State
from grader_service.judge.base import Sampling


@dataclass(frozen=True, slots=True)
class Cause:
    """Why there is no reward, or why one of the parts had none. `where` is the part's key, "" for the grader itself."""

    flag: Flag
    kind: str
    details: str
    failed: bool
    retryable: bool
    where: str = ""

    @classmethod
    def of(cls, error: CannotGrade) -> "Cause":
        return cls(
            error.flag, error.kind, error.details, isinstance(error, Failed), error.retryable
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a judge was asked, as rendered chat messages, and what it said to that."""

    messages: Sequence[Mapping[str, Any]]
    sampling: Sampling
    text: str
    model: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Score:
    """What a grader's `score` gives: a reward, `parts` of a multi, tokens of a model grader.

    `causes` are the grader's own, not its parts'; where there is one, `reward` does not count.
    """

    reward: float
    causes: tuple[Cause, ...] = ()
    parts: "Mapping[str, Result]" = field(default_factory=dict)
    usage: Mapping[str, Usage] = field(default_factory=dict)
    sampled_model: str | None = None
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one grade: never an exception, and never a silent 0.

    `reward` is the grader's `invalid_grade` where `state` is not "value" — but for a multi whose
    parts are invalid, where it is the formula's value over their own invalid grades.
    """

    name: str
    grader_type: str
    reward: float
    seconds: float
    causes: tuple[Cause, ...] = ()
    parts: "Mapping[str, Result]" = field(default_factory=dict)
    usage: Mapping[str, Usage] = field(default_factory=dict)
    sampled_model: str | None = None
    asked: Asked | None = None

    @property
    def state(self) -> State:
        if not self.causes:
            return "value"
        return "failed" if any(cause.failed for cause in self.causes) else "invalid"

    @property
    def retryable(self) -> bool:
        """Whether a later try may give a value: something failed, and all that failed may recover."""
        failed = [cause for cause in self.causes if cause.failed]
        return bool(failed) and all(cause.retryable for cause in failed)
