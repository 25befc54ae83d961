"""What the Evals API and the Files API answer (evals-api §2.4, §2.5, §3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import RowMapping
from typing_extensions import TypedDict

from grader_service import jsontext
from grader_service.evals.criteria import shown


class EvalAnswer(TypedDict):
    """An eval. `warnings` tell what its author may not have meant."""

    id: str
    object: str
    created_at: int
    updated_at: int
    name: str
    metadata: dict[str, str]
    data_source_config: dict[str, Any]
    testing_criteria: list[dict[str, Any]]
    warnings: list[str]


class ResultCounts(TypedDict):
    """Rows by outcome, while the run is under way, too."""

    total: int
    passed: int
    failed: int
    errored: int


class CriterionResult(TypedDict):
    """Rows by outcome for one criterion; what could not be judged is neither passed nor failed."""

    testing_criteria: str
    testing_criteria_id: str
    passed: int
    failed: int
    errored: int


class ModelUsage(TypedDict):
    """Calls and tokens of one model: sampled, or a judge."""

    model_name: str
    invocation_count: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    total_tokens: int


class RunError(TypedDict):
    code: str
    message: str


class RunAnswer(TypedDict):
    """A run; the two `per_…` lists come with its end."""

    id: str
    object: str
    created_at: int
    eval_id: str
    name: str
    metadata: dict[str, str]
    status: str
    model: str
    data_source: dict[str, Any]
    result_counts: ResultCounts
    per_testing_criteria_results: list[CriterionResult] | None
    per_model_usage: list[ModelUsage] | None
    error: RunError | None
    report_url: str
    shared_with_openai: bool
    warnings: list[str]


class ResultEntry(TypedDict):
    """One criterion's word on one row; `error` says why there is none, and `passed` is false then."""

    name: str
    sample: dict[str, Any] | None
    passed: bool
    score: float
    error: str | None


class ItemAnswer(TypedDict):
    """One row of a run with its results."""

    id: str
    object: str
    created_at: int
    run_id: str
    eval_id: str
    status: str
    datasource_item: dict[str, Any]
    datasource_item_id: int
    results: list[ResultEntry]
    sample: dict[str, Any] | None
    _datasource_item_content_hash: str


class FileAnswer(TypedDict):
    """An uploaded file."""

    id: str
    object: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: str
    status_details: str | None
    expires_at: int | None


class EvalDeleted(TypedDict):
    object: str
    deleted: bool
    eval_id: str


class RunDeleted(TypedDict):
    object: str
    deleted: bool
    run_id: str


class FileDeleted(TypedDict):
    id: str
    object: str
    deleted: bool


class _List(TypedDict):
    object: str
    first_id: str | None
    last_id: str | None
    has_more: bool


class EvalList(_List):
    data: list[EvalAnswer]


class RunList(_List):
    data: list[RunAnswer]


class ItemList(_List):
    data: list[ItemAnswer]


class FileList(_List):
    data: list[FileAnswer]


def listed(data: Sequence[Any], has_more: bool) -> dict[str, Any]:
    """The envelope of every list."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }


def eval_answer(row: RowMapping | Mapping[str, Any]) -> EvalAnswer:
    """What another server told otherwise, from which the eval comes, is told as there."""
    label = jsontext.kept(row["label"])
    told = label.get("told", {})
    answer: EvalAnswer = {
        "id": row["id"],
        "object": "eval",
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "name": label["name"],
        "metadata": label["metadata"],
        "data_source_config": jsontext.kept(row["config"]),
        "testing_criteria": told.get("testing_criteria") or shown(row["criteria"]),
        "warnings": jsontext.kept(row["warnings"]),
    }
    answer.update(told)
    return answer


def run_answer(row: RowMapping | Mapping[str, Any], eval_id: str, evals_url: str) -> RunAnswer:
    """`evals_url` is where this caller found the evals. Of runs from elsewhere see `eval_answer`."""
    label = jsontext.kept(row["label"])
    data_source = jsontext.kept(row["data_source"])
    ended = row["finished_at"] is not None
    tally = jsontext.kept(row["tally"])
    answer: RunAnswer = {
        "id": row["id"],
        "object": "eval.run",
        "created_at": row["created_at"],
        "eval_id": eval_id,
        "name": label["name"],
        "metadata": label["metadata"],
        "status": row["status"],
        "model": data_source.get("model") or "",
        "data_source": data_source,
        "result_counts": {
            "total": row["total"],
            "passed": row["passed"],
            "failed": row["failed"],
            "errored": row["errored"],
        },
        "per_testing_criteria_results": _criteria(tally) if ended else None,
        "per_model_usage": _usage(tally) if ended else None,
        "error": jsontext.kept(row["error"]) if row["error"] else None,
        "report_url": f"{evals_url}/{eval_id}/runs/{row['id']}/output_items",
        "shared_with_openai": False,
        "warnings": jsontext.kept(row["warnings"]),
    }
    answer.update(label.get("told", {}))
    return answer


def _criteria(tally: Mapping[str, Any]) -> list[CriterionResult]:
    return [
        {
            "testing_criteria": name,
            "testing_criteria_id": name,
            "passed": counts["passed"],
            "failed": counts["failed"],
            "errored": counts["errored"],
        }
        for name, counts in tally.get("criteria", {}).items()
    ]


def _usage(tally: Mapping[str, Any]) -> list[ModelUsage]:
    return [
        {
            "model_name": name,
            "invocation_count": sums["invocation_count"],
            "prompt_tokens": sums["prompt_tokens"],
            "completion_tokens": sums["completion_tokens"],
            "cached_tokens": sums["cached_tokens"],
            "total_tokens": sums["total_tokens"],
        }
        for name, sums in tally.get("usage", {}).items()
    ]


def item_answer(row: RowMapping, eval_id: str, run_id: str) -> dict[str, Any]:
    """What the row and its results are goes out as it is stored, unread."""
    return {
        "id": row["id"],
        "object": "eval.run.output_item",
        "created_at": row["created_at"],
        "run_id": run_id,
        "eval_id": eval_id,
        "status": row["status"],
        "datasource_item": orjson.Fragment(row["item"]),
        "datasource_item_id": row["position"],
        "results": orjson.Fragment(row["results"]),
        "sample": None if row["sample"] is None else orjson.Fragment(row["sample"]),
        "_datasource_item_content_hash": row["item_hash"],
    }


def file_answer(row: RowMapping) -> FileAnswer:
    return {
        "id": row["id"],
        "object": "file",
        "bytes": row["bytes"],
        "created_at": row["created_at"],
        "filename": jsontext.kept(row["filename"]),
        "purpose": row["purpose"],
        "status": "processed",
        "status_details": None,
        "expires_at": row["expires_at"],
    }
