"""Grades what attacks send, each output once, within a budget of grades, judge calls and time."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader_service.doctor.outputs import Output
from grader_service.doctor.subject import Subject
from grader_service.graders.context import Context, Engines
from grader_service.graders.result import Result

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one examination may take; a grade that would exceed it is not begun."""

    grades: int = 3000
    judge_calls: int = 200
    seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One output and what it got."""

    output: Output
    result: Result

    @property
    def failed(self) -> bool:
        """No grade, for a reason that is not the output's."""
        return self.result.state == "failed"

    @property
    def reward(self) -> float:
        return self.result.reward

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(cause.kind for cause in self.result.causes)

    @property
    def why(self) -> str:
        return "; ".join(cause.details for cause in self.result.causes)


class Bench:
    """Counts all that is done; `exhausted` says which limit ended it, or None."""

    def __init__(
        self, subject: Subject, engines: Engines, budget: Budget, progress: Callable[[int], None]
    ) -> None:
        self._subject = subject
        self._engines = engines
        self._budget = budget
        self._progress = progress
        self._started = time.monotonic()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._done: dict[tuple[int, Output], Trial] = {}
        self.grades = 0
        self.judge_calls = 0
        self.failed: Counter[str] = Counter()
        self.exhausted: str | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    async def grade_all(
        self, item: Mapping[str, Any], outputs: Sequence[Output], *, fresh: bool = False
    ) -> list[Trial]:
        """A trial for each output, several at once; those that the budget does not allow are left out.

        An output that this very item has seen is not graded again, unless `fresh`.
        """
        wanted = dict.fromkeys(outputs)
        trials = await asyncio.gather(*(self._grade(item, output, fresh) for output in wanted))
        return [trial for trial in trials if trial is not None]

    async def _grade(self, item: Mapping[str, Any], output: Output, fresh: bool) -> Trial | None:
        known = self._done.get((id(item), output))
        if known is not None and not fresh:
            return known
        async with self._turns:
            if not self._may_grade():
                return None
            context = Context(
                item=item, sample=output.sample(), engines=self._engines, use_cache=not fresh
            )
            trial = Trial(output, await self._subject.grader.grade(context))
        self.failed.update(cause.kind for cause in trial.result.causes if cause.failed)
        self._done[(id(item), output)] = trial
        self._progress(self.grades)
        return trial

    def _may_grade(self) -> bool:
        calls = self.judge_calls + self._subject.judge_calls
        if self.grades >= self._budget.grades:
            self.exhausted = f"{self._budget.grades:,} grades (--max-grades)"
        elif self._subject.judge_calls and calls > self._budget.judge_calls:
            self.exhausted = f"{self._budget.judge_calls:,} judge calls (--max-judge-calls)"
        elif self.seconds > self._budget.seconds:
            self.exhausted = f"{self._budget.seconds:g} s (--max-seconds)"
        else:
            self.grades += 1
            self.judge_calls = calls
            return True
        return False
