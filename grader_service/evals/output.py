"""One row of a run becomes one output item: every criterion has its result, whatever happened (evals-api §2.5, §5)."""

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from grader_service import jsontext
from grader_service.datasets.rows import Row
from grader_service.errors import CannotGrade, Usage
from grader_service.evals import ids, transcripts
from grader_service.evals.criteria import Criterion
from grader_service.evals.tally import Counted
from grader_service.events import Outcome
from grader_service.graders.context import Context
from grader_service.graders.result import Cause, Result
from grader_service.sampling.draw import draw, failed
from grader_service.sampling.source import SampledSource

STATUSES: Mapping[Outcome, str] = {"passed": "pass", "failed": "fail", "errored": "error"}

_Spent = Sequence[tuple[str, Usage]]


@dataclass(frozen=True, slots=True)
class Task:
    """What is done to every row of a run; `source` is there where outputs are sampled."""

    run_key: int
    criteria: Sequence[Criterion]
    source: SampledSource | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """An output item as it is stored, and what is counted of it."""

    values: Mapping[str, Any]
    counted: Counted
    bytes: int


@dataclass(frozen=True, slots=True)
class _Judged:
    """Results in the order of the criteria, the output item's `sample`, and what the models cost."""

    results: Sequence[Result]
    transcript: Mapping[str, Any] | None
    spent: _Spent


async def grade_row(task: Task, row: Row, ctx: Context) -> Output:
    """Grade one row by all criteria; `ctx` has no item and no sample yet."""
    ctx = replace(ctx, item=row.item)
    if task.source is None:
        judged = await _judge_stored(task, row, ctx)
    else:
        judged = await _judge_drawn(task, task.source, ctx)
    return _output(task, row, judged)


async def _judge_stored(task: Task, row: Row, ctx: Context) -> _Judged:
    sample = _sample_of(row)
    results = await _grade(task.criteria, replace(ctx, sample=sample or {}))
    return _Judged(results, None if sample is None else transcripts.of_row(sample), ())


def _sample_of(row: Row) -> Mapping[str, Any] | None:
    """azure-ai-evaluation can send a sample only as a column of the item (evals-api §5).

    Where there is none, a template that names `sample` has nothing to show: that is told, and never
    graded as an empty output.
    """
    if row.sample is not None:
        return row.sample
    within = row.item.get("sample")
    return within if isinstance(within, dict) else None


async def _judge_drawn(task: Task, source: SampledSource, ctx: Context) -> _Judged:
    """Where no output can be had, no criterion has anything to grade, and each says why."""
    try:
        drawn = await draw(source, ctx.item, ctx.engines.sampler)
    except CannotGrade as error:
        cause = Cause.of(error)
        results = [
            Result(criterion.id, criterion.grader.type, 0.0, 0.0, causes=(cause,))
            for criterion in task.criteria
        ]
        return _Judged(results, failed(source, ctx.item, error), list(error.spent.items()))
    results = await _grade(task.criteria, replace(ctx, sample=drawn.sample))
    return _Judged(results, drawn.transcript, [(drawn.model, drawn.usage)])


async def _grade(criteria: Sequence[Criterion], ctx: Context) -> list[Result]:
    if len(criteria) == 1:
        return [await criteria[0].grader.grade(ctx)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(criterion.grader.grade(ctx)) for criterion in criteria]
    return [task.result() for task in tasks]


def _output(task: Task, row: Row, judged: _Judged) -> Output:
    graded = list(zip(task.criteria, judged.results, strict=True))
    by_criterion = [(criterion.id, _outcome(criterion, result)) for criterion, result in graded]
    outcome = _worst({outcome for _, outcome in by_criterion})
    item = jsontext.dumps(row.item)
    results = jsontext.dumps([_entry(criterion, result) for criterion, result in graded])
    transcript = None if judged.transcript is None else jsontext.dumps(judged.transcript)
    spent = [pair for result in judged.results for pair in result.usage.items()]
    return Output(
        values={
            "run_key": task.run_key,
            "position": row.index,
            "id": ids.new_item(),
            "created_at": int(time.time()),
            "status": STATUSES[outcome],
            "item": item.decode(),
            "item_hash": hashlib.sha256(item).hexdigest(),
            "sample": None if transcript is None else transcript.decode(),
            "results": results.decode(),
        },
        counted=Counted(outcome, by_criterion, [*judged.spent, *spent]),
        bytes=len(item) + len(results) + len(transcript or b""),
    )


def _worst(outcomes: set[Outcome]) -> Outcome:
    """A row passes where all criteria pass, and has no outcome of its own where one has none."""
    if "errored" in outcomes:
        return "errored"
    return "failed" if "failed" in outcomes else "passed"


def _outcome(criterion: Criterion, result: Result) -> Outcome:
    if result.state != "value":
        return "errored"
    return "passed" if result.reward >= criterion.threshold else "failed"


def _entry(criterion: Criterion, result: Result) -> dict[str, Any]:
    """The same keys in every entry: clients make columns of them."""
    outcome = _outcome(criterion, result)
    return {
        "name": criterion.id,
        "sample": None if result.asked is None else transcripts.of_judge(result.asked),
        "passed": outcome == "passed",
        "score": 0.0 if outcome == "errored" else result.reward,
        "error": _told(result),
    }


def _told(result: Result) -> str | None:
    if not result.causes:
        return None
    return "\n".join(
        f"{cause.where}: {cause.details}" if cause.where else cause.details
        for cause in result.causes
    )
