"""Where evals come from: the rows of runs that the hosted dashboard lets people download (evals-api §2.6).

A row has scores by criterion id and no graders. Each run becomes an eval of its own, which can be read and not run.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from grader_service import jsontext
from grader_service.errors import CannotStart
from grader_service.evals.migrate.base import Told

PAGE: Final = 100
_ROW_SCHEMA: Final = {"item": {"type": "object"}, "sample": {"type": "object"}}


class _Sample(BaseModel):
    model_config = ConfigDict(extra="allow")

    trajectory: list[Any] | None = None
    outputs: list[Any] | None = None
    finish_reason: str | None = None
    sampled_model_name: str | None = None


class _Row(BaseModel):
    run_id: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
    data_source_idx: Annotated[int, Field(ge=0)]
    item: dict[str, Any]
    sample: _Sample | None = None
    grades: dict[str, float | None]
    passes: dict[str, bool | None]
    grader_samples: dict[str, Any] | None = None

    @property
    def status(self) -> str:
        if not self.grades or any(self.grades[name] is None for name in self.grades):
            return "error"
        return "pass" if all(self.passes.get(name) for name in self.grades) else "fail"


@dataclass(slots=True)
class _Run:
    """What the rows of a run come to."""

    model: str = ""
    statuses: dict[str, int] = field(default_factory=lambda: {"pass": 0, "fail": 0, "error": 0})
    criteria: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, row: _Row) -> None:
        self.statuses[row.status] += 1
        self.model = (row.sample and row.sample.sampled_model_name) or self.model
        for name, score in row.grades.items():
            counts = self.criteria.setdefault(name, {"passed": 0, "failed": 0, "errored": 0})
            outcome = "passed" if row.passes.get(name) else "failed"
            counts["errored" if score is None else outcome] += 1


class ExportFile:
    """A `Source` of one JSONL file; it is read once for the counts, and once more for each run."""

    def __init__(self, path: Path) -> None:
        """Raises CannotStart: it cannot be read, or is no such export; names the line."""
        self._path = path
        self._runs: dict[str, _Run] = {}
        for row in self._rows():
            self._runs.setdefault(row.run_id, _Run()).add(row)
        self._created_at = int(path.stat().st_mtime)

    async def evals(self) -> AsyncIterator[list[Told]]:
        yield [self._eval(run_id, run) for run_id, run in self._runs.items()]

    async def runs(self, eval_id: str) -> AsyncIterator[list[Told]]:
        yield [
            self._run(run_id, run)
            for run_id, run in self._runs.items()
            if _eval_id(run_id) == eval_id
        ]

    async def items(
        self, eval_id: str, run_id: str, after: str | None
    ) -> AsyncIterator[list[Told]]:
        page: list[Told] = []
        skipping = after is not None
        for row in self._rows():
            if row.run_id != run_id:
                continue
            item = _item(eval_id, row, self._created_at)
            if not skipping:
                page.append(item)
            skipping = skipping and item["id"] != after
            if len(page) == PAGE:
                yield page
                page = []
        if page:
            yield page

    async def files(self) -> AsyncIterator[list[Told]]:
        nothing: list[list[Told]] = []
        for page in nothing:
            yield page

    async def content(self, file_id: str) -> AsyncIterator[bytes]:
        """Of none: there is no file to ask for."""
        nothing: list[bytes] = []
        for piece in nothing:
            yield piece

    def _rows(self) -> Iterator[_Row]:
        try:
            with self._path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield self._row(number, line)
        except OSError as error:
            raise CannotStart(
                f"--from: {str(self._path)!r} cannot be read: {error.strerror}"
            ) from None

    def _row(self, number: int, line: bytes) -> _Row:
        try:
            return _Row.model_validate(jsontext.loads(line))
        except jsontext.JsonError as error:
            reason = str(error)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            reason = f"{'.'.join(str(part) for part in fault['loc'])!r}: {fault['msg']}"
        raise CannotStart(
            f"--from: line {number} of {self._path.name!r} is no row of a dashboard's export: {reason}"
        )

    def _eval(self, run_id: str, run: _Run) -> Told:
        schema = {"type": "object", "properties": _ROW_SCHEMA, "required": ["item"]}
        return {
            "id": _eval_id(run_id),
            "object": "eval",
            "created_at": self._created_at,
            "name": f"{self._path.stem} ({run_id})",
            "metadata": {},
            "data_source_config": {"type": "custom", "schema": schema},
            "testing_criteria": [
                {"id": name, "name": name, "type": "unknown"} for name in run.criteria
            ],
        }

    def _run(self, run_id: str, run: _Run) -> Told:
        counts = run.statuses
        return {
            "id": run_id,
            "object": "eval.run",
            "created_at": self._created_at,
            "eval_id": _eval_id(run_id),
            "name": self._path.stem,
            "metadata": {},
            "status": "completed",
            "model": run.model,
            "data_source": {"type": "jsonl", "source": {"type": "file_content", "content": []}},
            "result_counts": {
                "total": sum(counts.values()),
                "passed": counts["pass"],
                "failed": counts["fail"],
                "errored": counts["error"],
            },
            "per_testing_criteria_results": [
                {"testing_criteria": name, "testing_criteria_id": name, **found}
                for name, found in run.criteria.items()
            ],
            "per_model_usage": [],
            "error": None,
        }


def _eval_id(run_id: str) -> str:
    """Always the same, so that a second time brings nothing anew."""
    return f"eval_{hashlib.sha256(run_id.encode()).hexdigest()[:32]}"


def _item(eval_id: str, row: _Row, created_at: int) -> Told:
    name = f"{row.run_id} {row.data_source_idx}"
    transcripts = row.grader_samples or {}
    return {
        "id": f"outputitem_{hashlib.sha256(name.encode()).hexdigest()[:32]}",
        "object": "eval.run.output_item",
        "created_at": created_at,
        "run_id": row.run_id,
        "eval_id": eval_id,
        "status": row.status,
        "datasource_item": row.item,
        "datasource_item_id": row.data_source_idx,
        "results": [
            {
                "name": criterion,
                "sample": transcripts.get(criterion),
                "passed": bool(row.passes.get(criterion)),
                "score": score or 0.0,
            }
            for criterion, score in row.grades.items()
        ],
        "sample": None if row.sample is None else _transcript(row.sample),
    }


def _transcript(sample: _Sample) -> dict[str, Any]:
    outputs = sample.outputs or []
    trajectory = sample.trajectory or []
    asked = (
        trajectory[: -len(outputs)]
        if outputs and trajectory[-len(outputs) :] == outputs
        else trajectory
    )
    return {
        "error": None,
        "finish_reason": sample.finish_reason or "",
        "input": asked,
        "output": outputs,
        "model": sample.sampled_model_name or "",
        "usage": None,
        "seed": None,
        "temperature": None,
        "top_p": None,
        "max_completions_tokens": None,
        "max_completion_tokens": None,
    }
