"""What grading a dataset gives: one JSON object for each sample of each row."""

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict

from grader_service.errors import Usage
from grader_service.events import State
from grader_service.graders.result import Result
from grader_service.wire import TokenUsage, token_usage


class RecordCause(TypedDict):
    """Why there is no reward; `where` is the part of a multi, "" for the grader itself."""

    kind: str
    details: str
    retryable: bool
    where: str


class Record(TypedDict):
    """One graded sample.

    `index` is the row's, from 0; `n` counts the samples of one row, from 0. `reward` is the grader's
    `invalid_grade` where `state` is not "value". `seconds` is the time of the grade, `usage` what its
    judges were paid for by model. `item` and `sample` are None where the caller has them anyway.
    """

    index: int
    n: int
    reward: float
    state: State
    causes: list[RecordCause]
    parts: dict[str, float]
    seconds: float
    usage: dict[str, TokenUsage]
    item: Mapping[str, Any] | None
    sample: Mapping[str, Any] | None


def record_of(index: int, n: int, result: Result) -> Record:
    """A result as a record without its item and sample."""
    return {
        "index": index,
        "n": n,
        "reward": result.reward,
        "state": result.state,
        "causes": [
            {
                "kind": cause.kind,
                "details": cause.details,
                "retryable": cause.retryable,
                "where": cause.where,
            }
            for cause in result.causes
        ],
        "parts": {key: part.reward for key, part in result.parts.items()},
        "seconds": result.seconds,
        "usage": {model: token_usage(tokens) for model, tokens in result.usage.items()},
        "item": None,
        "sample": None,
    }


def added(before: TokenUsage | None, tokens: Usage) -> TokenUsage:
    """Tokens of one model, with those that a record has of it already."""
    return token_usage(tokens if before is None else Usage(**before) + tokens)
