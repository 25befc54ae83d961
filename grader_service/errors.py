"""Everything that can go wrong, named after the boundary that was crossed.

GraderServiceError
├── CannotStart                 a setting or catalogue file is wrong; one line, then the end
├── StoreUnavailable            the database cannot be used now: 503, or tried again in the background
├── RequestRefused              any answer that is not 2xx, with its status
│   └── InvalidGrader           the grader's JSON is wrong: 400 with the place
└── CannotGrade                 becomes data (a `Cause`) in `graders.base.Grader.grade`, or the `error` of a row without a sample
    ├── Invalid                 the sample's fault (or the grader's, with this sample): a retry gives the same
    │   ├── SampleNotJson, VariableMissing
    │   ├── FormulaUndefined, TextTooLarge, TextTooSlow
    │   ├── SourceInvalid, SourceRaised, BadReturnValue, TimeLimitExceeded, MemoryLimitExceeded, ProcessKilled
    │   ├── JudgeRefused, JudgeAnswerInvalid, JudgeAnswerTruncated, JudgeContentFiltered
    │   ├── InputMessagesInvalid, SampleFiltered
    │   └── EndpointBodyTooLarge
    └── Failed                  ours, the sandbox's, the judge's or the remote scorer's fault
        ├── SandboxOff, SandboxUnavailable, SandboxOverloaded
        ├── JudgeOff, JudgeUnavailable, JudgeRejected, JudgeTimedOut, BudgetExhausted
        ├── SamplerOff, SampleUnavailable, SampleRejected, SampleTimedOut
        ├── EndpointOff, EndpointUnavailable, EndpointAnswerInvalid
        └── DeadlineExceeded, WorkersUnavailable, InternalFault

A class knows its wire flag (`flag`), its label in metrics and logs (`kind`) and whether the same
request can succeed later (`retryable`). An instance carries only the sentence for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

Flag = Literal[
    "formula_parse_error",
    "sample_parse_error",
    "truncated_observation_error",
    "unresponsive_reward_error",
    "invalid_variable_error",
    "other_error",
    "python_grader_server_error",
    "python_grader_runtime_error",
    "model_grader_server_error",
    "model_grader_refusal_error",
    "model_grader_parse_error",
    "model_grader_exceeded_max_tokens_error",
    "endpoint_grader_internal_error",
    "endpoint_grader_server_error",
    "endpoint_grader_safety_check_error",
]
"""The boolean keys of the wire's `metadata.errors` (grader-api §4.2)."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that one judge call, or several summed, have cost."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.total_tokens + other.total_tokens,
            self.cached_tokens + other.cached_tokens,
        )


class GraderServiceError(Exception):
    """The root of every error that this package raises on purpose."""


class CannotStart(GraderServiceError):
    """The server or command cannot begin; its text is the whole line that a person reads."""


class StoreUnavailable(GraderServiceError):
    """The database is away, or too slow; what was done in its transaction is not. Its text is the cause's class."""


class RequestRefused(GraderServiceError):
    """The request gets no 2xx; mostly the caller's fault. `param` is the dotted place in the body, or None."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code
        self.headers = headers or {}


class InvalidGrader(RequestRefused):
    """A grader definition that can never grade anything; `param` is relative to the grader."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message, param=param, code="invalid_grader")


class CannotGrade(GraderServiceError):
    """No reward could be had; `details` is one message for people, safe to send to the caller.

    `spent` says what judge calls were paid for before it came to this: model name to tokens.
    """

    flag: ClassVar[Flag]
    kind: ClassVar[str]
    retryable: ClassVar[bool]

    def __init__(self, details: str, *, spent: Mapping[str, Usage] | None = None) -> None:
        super().__init__(details)
        self.details = details
        self.spent = spent or {}


class Invalid(CannotGrade):
    """The sample's fault, or that of the grader with this sample; grading again gives the same."""

    retryable = False


class Failed(CannotGrade):
    """Not the sample's fault; it must never be taken for a reward."""


class SampleNotJson(Invalid):
    """A template names `output_json`, and the sample is no JSON object or array."""

    flag = "sample_parse_error"
    kind = "sample_not_json"


class VariableMissing(Invalid):
    """A template names something that the item or the sample does not have."""

    flag = "invalid_variable_error"
    kind = "variable_missing"


class FormulaUndefined(Invalid):
    """`calculate_output` has no finite real value here: division by zero, overflow, log of 0."""

    flag = "other_error"
    kind = "formula_undefined"


class TextTooLarge(Invalid):
    """A text is larger than the metric can take."""

    flag = "other_error"
    kind = "text_too_large"


class TextTooSlow(Invalid):
    """Comparing the two texts did not end within the time limit."""

    flag = "other_error"
    kind = "text_too_slow"


class _PythonRuntime(Invalid):
    flag = "python_grader_runtime_error"


class SourceInvalid(_PythonRuntime):
    """The source cannot be compiled, or has no usable `grade`, in the sandbox's Python."""

    kind = "source_invalid"


class SourceRaised(_PythonRuntime):
    """The user's code raised, or left the interpreter by `sys.exit`."""

    kind = "source_raised"


class BadReturnValue(_PythonRuntime):
    """`grade` returned something that is no finite real number."""

    kind = "bad_return_value"


class TimeLimitExceeded(_PythonRuntime):
    """`grade` was still running at its time limit."""

    kind = "time_limit"


class MemoryLimitExceeded(_PythonRuntime):
    """The grade was killed, or failed to allocate, at its memory limit."""

    kind = "memory_limit"


class ProcessKilled(_PythonRuntime):
    """The grade's process ended without an answer: a signal, `os._exit`, a forged answer."""

    kind = "process_killed"


class JudgeRefused(Invalid):
    """The judge model refused to score."""

    flag = "model_grader_refusal_error"
    kind = "judge_refused"


class JudgeAnswerInvalid(Invalid):
    """The judge's answer is not of the required form."""

    flag = "model_grader_parse_error"
    kind = "judge_answer_invalid"


class JudgeAnswerTruncated(Invalid):
    """The judge ran into `max_completions_tokens`."""

    flag = "model_grader_exceeded_max_tokens_error"
    kind = "judge_answer_truncated"


class JudgeContentFiltered(Invalid):
    """The upstream's content filter stopped the judge's prompt or answer."""

    flag = "model_grader_refusal_error"
    kind = "judge_content_filtered"


class InputMessagesInvalid(Invalid):
    """The row has no list of chat messages where `item_reference` points."""

    flag = "other_error"
    kind = "input_messages_invalid"


class SampleFiltered(Invalid):
    """The upstream's content filter stopped the prompt, or the answer of the sampled model."""

    flag = "other_error"
    kind = "sample_filtered"


class EndpointBodyTooLarge(Invalid):
    """Sample and item together are more than a remote scorer is sent."""

    flag = "endpoint_grader_internal_error"
    kind = "endpoint_body_too_large"


class _PythonServer(Failed):
    flag = "python_grader_server_error"


class SandboxOff(_PythonServer):
    """No sandbox engine is configured or possible; the details say what to install."""

    kind = "sandbox_off"
    retryable = False


class SandboxUnavailable(_PythonServer):
    """The engine is there but could not run this grade now."""

    kind = "sandbox_unavailable"
    retryable = True


class SandboxOverloaded(_PythonServer):
    """The queue for a sandbox worker is full, or the wait in it was too long."""

    kind = "sandbox_overloaded"
    retryable = True


class _JudgeServer(Failed):
    flag = "model_grader_server_error"


class JudgeOff(_JudgeServer):
    """No upstream is configured for model graders."""

    kind = "judge_off"
    retryable = False


class JudgeUnavailable(_JudgeServer):
    """The upstream could not be reached, answered 429/5xx to the last try, or its breaker is open."""

    kind = "judge_unavailable"
    retryable = True


class JudgeRejected(_JudgeServer):
    """The upstream refused the request itself (4xx): a wrong key, model or parameter."""

    kind = "judge_rejected"
    retryable = False


class JudgeTimedOut(_JudgeServer):
    """The upstream did not answer within the grade's deadline."""

    kind = "judge_timed_out"
    retryable = True


class BudgetExhausted(_JudgeServer):
    """The spending guard is hit; nothing was sent."""

    kind = "budget_exhausted"
    retryable = False


class _Sampler(Failed):
    """No sample was drawn; no grader has been asked, so none of its flags fits."""

    flag = "other_error"


class SamplerOff(_Sampler):
    """No upstream is configured to sample from."""

    kind = "sampler_off"
    retryable = False


class SampleUnavailable(_Sampler):
    """The upstream could not be reached, answered 429/5xx to the last try, or its breaker is open."""

    kind = "sample_unavailable"
    retryable = True


class SampleRejected(_Sampler):
    """The upstream refused the request itself (4xx), or cannot be asked for what it needs."""

    kind = "sample_rejected"
    retryable = False


class SampleTimedOut(_Sampler):
    """The upstream did not answer within the sample's deadline."""

    kind = "sample_timed_out"
    retryable = True


class EndpointOff(Failed):
    """The endpoint grader's host is not allowed by the settings."""

    flag = "endpoint_grader_internal_error"
    kind = "endpoint_off"
    retryable = False


class EndpointUnavailable(Failed):
    """The remote scorer could not be reached or answered with an error to the last try."""

    flag = "endpoint_grader_server_error"
    kind = "endpoint_unavailable"
    retryable = True


class EndpointAnswerInvalid(Failed):
    """The remote scorer answered, but not with `{"score": number}`."""

    flag = "endpoint_grader_server_error"
    kind = "endpoint_answer_invalid"
    retryable = False


class DeadlineExceeded(Failed):
    """The request's deadline passed before the grade was done."""

    flag = "other_error"
    kind = "deadline_exceeded"
    retryable = True


class WorkersUnavailable(Failed):
    """The worker process for long texts died or could not be started."""

    flag = "other_error"
    kind = "workers_unavailable"
    retryable = True


class InternalFault(Failed):
    """A defect of this service; the log has the rest under the request's id."""

    flag = "other_error"
    kind = "internal_fault"
    retryable = False


def kinds() -> tuple[str, ...]:
    """Every `kind`, the closed label set of metrics."""
    found: list[str] = []
    stack: list[type[CannotGrade]] = [CannotGrade]
    while stack:
        cls = stack.pop()
        if "kind" in vars(cls):
            found.append(cls.kind)
        stack.extend(cls.__subclasses__())
    return tuple(sorted(found))
