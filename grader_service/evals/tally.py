"""What a run has come to so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping

from grader_service import jsontext
from grader_service.errors import Usage
from grader_service.events import Outcome


@dataclass(frozen=True, slots=True)
class Counted:
    """The part of a graded row that is counted: for the row, for each criterion, for each model."""

    outcome: Outcome
    by_criterion: Sequence[tuple[str, Outcome]]
    usage: Sequence[tuple[str, Usage]]


class Tally:
    """Counts of a run, as its row in the store has them."""

    def __init__(self, row: RowMapping, criteria: Sequence[str]) -> None:
        before = jsontext.kept(row["tally"])
        self._rows = {outcome: row[outcome] for outcome in ("passed", "failed", "errored")}
        self._criteria: dict[str, dict[str, int]] = {
            name: {"passed": 0, "failed": 0, "errored": 0} for name in criteria
        }
        self._criteria |= before.get("criteria", {})
        self._usage: dict[str, dict[str, int]] = before.get("usage", {})

    def add(self, counted: Counted) -> None:
        self._rows[counted.outcome] += 1
        for name, outcome in counted.by_criterion:
            self._criteria[name][outcome] += 1
        for model, usage in counted.usage:
            self._add_usage(model, usage)

    def _add_usage(self, model: str, usage: Usage) -> None:
        sums = self._usage.setdefault(
            model,
            {
                "cached_tokens": 0,
                "completion_tokens": 0,
                "invocation_count": 0,
                "prompt_tokens": 0,
                "total_tokens": 0,
            },
        )
        sums["cached_tokens"] += usage.cached_tokens
        sums["completion_tokens"] += usage.completion_tokens
        sums["invocation_count"] += 1
        sums["prompt_tokens"] += usage.prompt_tokens
        sums["total_tokens"] += usage.total_tokens

    def columns(self) -> dict[str, Any]:
        """For the run's row."""
        tally = {"criteria": self._criteria, "usage": self._usage}
        return {**self._rows, "tally": jsontext.dumps(tally).decode()}
