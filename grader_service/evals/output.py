"""One row of a run becomes one output item: every criterion has its result, whatever happened (evals-api §2.5, §5)."""

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from grader_service import jsontext
from grader_service.datasets.rows import Row
from grader_service.errors import Usage
from grader_service.evals import ids
from grader_service.evals.criteria import Criterion
from grader_service.evals.tally import Counted
from grader_service.events import Outcome
from grader_service.graders.context import Context
from grader_service.graders.result import Result

STATUSES: Mapping[Outcome, str] = {"passed": "pass", "failed": "fail", "errored": "error"}


@dataclass(frozen=True, slots=True)
class Output:
    """An output item as it is stored, and what is counted of it."""

    values: Mapping[str, Any]
    counted: Counted
    bytes: int


def sample_of_row(row: Row) -> tuple[Mapping[str, Any], bool]:
    """The namespace `sample`, and whether the row brought one.

    azure-ai-evaluation can send a sample only as a column of the item (evals-api §5). Where there is
    none, a template that names `sample` has nothing to show: that is told, and never graded as empty.
    """
    if row.sample is not None:
        return row.sample, True
    within = row.item.get("sample")
    return (within, True) if isinstance(within, dict) else ({}, False)


async def grade_row(run_key: int, row: Row, criteria: Sequence[Criterion], ctx: Context) -> Output:
    """Grade one row by all criteria; `ctx` has no item and no sample yet."""
    sample, given = sample_of_row(row)
    ctx = replace(ctx, item=row.item, sample=sample)
    results = await _results(criteria, ctx)
    transcript = jsontext.dumps(stored_transcript(sample)).decode() if given else None
    return _output(run_key, row, list(zip(criteria, results, strict=True)), transcript)


async def _results(criteria: Sequence[Criterion], ctx: Context) -> list[Result]:
    if len(criteria) == 1:
        return [await criteria[0].grader.grade(ctx)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(criterion.grader.grade(ctx)) for criterion in criteria]
    return [task.result() for task in tasks]


def _output(
    run_key: int, row: Row, graded: Sequence[tuple[Criterion, Result]], transcript: str | None
) -> Output:
    by_criterion = [(criterion.id, _outcome(criterion, result)) for criterion, result in graded]
    outcomes = {outcome for _, outcome in by_criterion}
    outcome: Outcome = (
        "errored" if "errored" in outcomes else "failed" if "failed" in outcomes else "passed"
    )
    item = jsontext.dumps(row.item)
    results = jsontext.dumps([_entry(criterion, result) for criterion, result in graded]).decode()
    usage: list[tuple[str, Usage]] = [
        (model, tokens) for _, result in graded for model, tokens in result.usage.items()
    ]
    return Output(
        values={
            "run_key": run_key,
            "position": row.index,
            "id": ids.new_item(),
            "created_at": int(time.time()),
            "status": STATUSES[outcome],
            "item": item.decode(),
            "item_hash": hashlib.sha256(item).hexdigest(),
            "sample": transcript,
            "results": results,
        },
        counted=Counted(outcome, by_criterion, usage),
        bytes=len(item) + len(results) + len(transcript or ""),
    )


def _outcome(criterion: Criterion, result: Result) -> Outcome:
    if result.state != "value":
        return "errored"
    return "passed" if result.reward >= criterion.threshold else "failed"


def _entry(criterion: Criterion, result: Result) -> dict[str, Any]:
    """The same keys in every entry: clients make columns of them."""
    outcome = _outcome(criterion, result)
    return {
        "name": criterion.id,
        "sample": None,
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


def stored_transcript(sample: Mapping[str, Any]) -> dict[str, Any]:
    """An output that the row brought, in the form that sampled ones have; what is not known is null."""
    text = sample.get("output_text")
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text if isinstance(text, str) else None,
    }
    tools = sample.get("output_tools")
    if isinstance(tools, list) and tools:
        message["tool_calls"] = tools
    return {
        "error": None,
        "finish_reason": "",
        "input": [],
        "output": [message],
        "model": sample.get("model") if isinstance(sample.get("model"), str) else "",
        "usage": {
            "total_tokens": 0,
            "completion_tokens": 0,
            "prompt_tokens": 0,
            "cached_tokens": 0,
        },
        "seed": None,
        "temperature": None,
        "top_p": None,
        "reasoning_effort": None,
        "max_completions_tokens": None,
        "max_completion_tokens": None,
    }
