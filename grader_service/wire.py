"""The bodies of the faces, as the official SDK and the hosted service spell them (grader-api §1.2, §4, §9.2)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, NotRequired

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from grader_service.errors import Usage
from grader_service.graders import AnyGrader
from grader_service.graders.result import Cause, Result

NO_ERRORS: Mapping[str, bool | str | None] = MappingProxyType(
    {
        "formula_parse_error": False,
        "sample_parse_error": False,
        "sample_parse_error_details": None,
        "truncated_observation_error": False,
        "unresponsive_reward_error": False,
        "invalid_variable_error": False,
        "invalid_variable_error_details": None,
        "other_error": False,
        "python_grader_server_error": False,
        "python_grader_server_error_type": None,
        "python_grader_runtime_error": False,
        "python_grader_runtime_error_details": None,
        "model_grader_server_error": False,
        "model_grader_refusal_error": False,
        "model_grader_refusal_error_details": None,
        "model_grader_parse_error": False,
        "model_grader_parse_error_details": None,
        "model_grader_exceeded_max_tokens_error": False,
        "model_grader_server_error_details": None,
        "endpoint_grader_internal_error": False,
        "endpoint_grader_internal_error_details": None,
        "endpoint_grader_server_error": False,
        "endpoint_grader_server_error_details": None,
        "endpoint_grader_safety_check_error": False,
    }
)
"""The 24 keys of `metadata.errors` in the order of the real service (grader-api §4.2)."""

_STRICT = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


class RunRequest(BaseModel):
    """Grade one sample with the grader given."""

    model_config = _STRICT

    grader: AnyGrader
    model_sample: str = Field(description="The model's output; fills `sample`.")
    item: dict[str, Any] | None = Field(None, description="The dataset row; fills `item`.")
    reference_answer: Any = Field(
        None, description="Of SDKs before `item` existed: becomes `item.reference_answer`."
    )


class ValidateRequest(BaseModel):
    """Say whether the service could grade with this grader."""

    model_config = _STRICT

    grader: AnyGrader


def _or_empty(item: Any) -> Any:
    return {} if item is None else item


class ScoreRequest(BaseModel):
    """What a training job posts to an endpoint grader (grader-api §9.2)."""

    model_config = _STRICT

    sample: dict[str, Any] = Field(description="The `sample` namespace, used as it is.")
    item: Annotated[dict[str, Any], BeforeValidator(_or_empty)] = Field(
        {}, description="The dataset row; fills `item`. null is as good as absent."
    )
    trace_id: Annotated[str, Field(max_length=512)] | None = Field(
        None,
        description="The same `trace_id` and body within ten minutes get the same answer, graded once.",
    )


class TokenUsage(TypedDict):
    """Tokens of one judge model."""

    prompt_tokens: int
    total_tokens: int
    completion_tokens: int
    cached_tokens: int


class RunMetadata(TypedDict):
    """How the reward came about."""

    name: str
    type: str
    errors: dict[str, bool | str | None]
    execution_time: float
    scores: dict[str, float]
    token_usage: TokenUsage | None
    sampled_model_name: str | None


class RunAnswer(TypedDict):
    """A reward, or 0.0 (the grader's `invalid_grade`) with a raised key in `metadata.errors`."""

    reward: float
    metadata: RunMetadata
    sub_rewards: dict[str, float]
    model_grader_token_usage_per_model: dict[str, TokenUsage]


class ValidateAnswer(TypedDict):
    """The grader as it was sent, with a generated name where it had none; secrets masked."""

    grader: dict[str, Any]
    warnings: NotRequired[list[str]]


class GraderReference(TypedDict):
    """A grader of the catalogue and the hash of its content."""

    name: str
    hash: str


class ScoreAnswer(TypedDict):
    """A score. `valid` is false where the sample could not be graded; then `errors` says why."""

    score: float
    valid: bool
    errors: dict[str, bool | str | None]
    sub_scores: dict[str, float]
    grader: GraderReference
    trace_id: str | None


class ErrorBody(TypedDict):
    """One error, as the SDK reads it."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(TypedDict):
    """The body of every answer that is not 2xx."""

    error: ErrorBody


def errors(causes: tuple[Cause, ...]) -> dict[str, bool | str | None]:
    """The 24 keys; a raised one without a details key of its own gets one behind them."""
    return {**NO_ERRORS, **raised(causes)} if causes else dict(NO_ERRORS)


def raised(causes: tuple[Cause, ...]) -> dict[str, bool | str | None]:
    """Only the keys that the causes raise: flag, details, and the type of a sandbox failure."""
    found: dict[str, bool | str | None] = {}
    for cause in causes:
        details = f"{cause.where}: {cause.details}" if cause.where else cause.details
        key = f"{cause.flag}_details"
        before = found.get(key)
        found[cause.flag] = True
        if cause.flag == "python_grader_server_error":
            found["python_grader_server_error_type"] = cause.kind
        found[key] = f"{before}\n{details}" if before else details
    return found


def run_answer(result: Result) -> RunAnswer:
    """A result in the words of the hosted service."""
    rewards = {key: part.reward for key, part in result.parts.items()}
    usage = {model: token_usage(tokens) for model, tokens in result.usage.items()}
    return {
        "reward": result.reward,
        "metadata": {
            "name": result.name,
            "type": result.grader_type,
            "errors": errors(result.causes),
            "execution_time": result.seconds,
            "scores": rewards,
            "token_usage": token_usage(sum(result.usage.values(), Usage())) if usage else None,
            "sampled_model_name": result.sampled_model,
        },
        "sub_rewards": rewards,
        "model_grader_token_usage_per_model": usage,
    }


def score_answer(result: Result, grader: GraderReference, trace_id: str | None) -> ScoreAnswer:
    """A result in the words of an endpoint grader."""
    return {
        "score": result.reward,
        "valid": result.state == "value",
        "errors": raised(result.causes),
        "sub_scores": {key: part.reward for key, part in result.parts.items()},
        "grader": grader,
        "trace_id": trace_id,
    }


def token_usage(usage: Usage) -> TokenUsage:
    """In the key order of the hosted service."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "total_tokens": usage.total_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
    }


MASK = "**********"


def masked(spelled: Mapping[str, Any]) -> dict[str, Any]:
    """A grader's JSON with the header values of endpoint graders replaced, in parts too (grader-api §9.4)."""
    copy = dict(spelled)
    if copy["type"] == "endpoint" and copy.get("headers"):
        copy["headers"] = dict.fromkeys(copy["headers"], MASK)
    elif copy["type"] == "multi":
        copy["graders"] = {key: masked(part) for key, part in copy["graders"].items()}
    return copy
