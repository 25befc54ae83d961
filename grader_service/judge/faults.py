"""Why one try at an upstream gave no verdict: what the SDK raised, in our words and without anybody's key."""

import email.utils
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import openai

from grader_service.errors import (
    CannotGrade,
    JudgeContentFiltered,
    JudgeRejected,
    JudgeTimedOut,
    JudgeUnavailable,
    TextTooLarge,
)
from grader_service.events import JudgeOutcome

SHOWN_CHARACTERS = 300
_FORM_WORDS = ("response_format", "json_schema", "json_object", "structured output")
_FILTER_CODES = ("content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation")


class TryFailed(Exception):
    """One try failed.

    `again`: another try may succeed. `sick`: the upstream itself is in trouble, which its breaker
    counts. `wait`: the upstream said how many seconds to wait. `sent`: the prompt may have been
    read, and so be paid for, although there was no answer. `no_route`: the upstream does not know
    the address that was asked.
    """

    def __init__(
        self,
        error: CannotGrade,
        outcome: JudgeOutcome,
        *,
        again: bool = False,
        sick: bool = False,
        sent: bool = False,
    ) -> None:
        super().__init__(error.details)
        self.error = error
        self.outcome = outcome
        self.again = again
        self.sick = sick
        self.sent = sent
        self.wait: float | None = None
        self.no_route = False


class FormRefused(TryFailed):
    """The upstream does not know the `response_format` that was asked for."""


def no_answer(upstream: str, error: openai.APIConnectionError) -> TryFailed:
    """The connection could not be made, or broke before the answer was whole."""
    cause = error.__cause__.__cause__ if error.__cause__ else None
    if isinstance(cause, aiohttp.ServerTimeoutError):
        return timed_out(upstream)
    if isinstance(cause, aiohttp.ClientConnectorError):
        unavailable = JudgeUnavailable(f"the upstream {upstream!r} cannot be reached")
        return TryFailed(unavailable, "failed", again=True, sick=True)
    cut = JudgeUnavailable(
        f"the upstream {upstream!r} broke the connection before its answer was whole"
    )
    return TryFailed(cut, "failed", again=True, sick=True, sent=True)


def timed_out(upstream: str) -> TryFailed:
    """The try's time is over."""
    error = JudgeTimedOut(f"the upstream {upstream!r} did not answer in time")
    return TryFailed(error, "timed_out", again=True, sick=True, sent=True)


def broken(upstream: str, fault: str) -> TryFailed:
    """A 200 whose body is not what was asked for."""
    error = JudgeUnavailable(f"the upstream {upstream!r} sent a broken answer: {fault}")
    return TryFailed(error, "failed", again=True, sick=True, sent=True)


def gave_up(upstream: str, said: str, *, again: bool) -> TryFailed:
    """A 200 whose body says that the model failed."""
    details = f"the upstream {upstream!r} failed: {said}"
    if again:
        return TryFailed(JudgeUnavailable(details), "failed", again=True, sent=True)
    return TryFailed(JudgeRejected(details), "rejected", sent=True)


def refused(upstream: str, error: openai.APIStatusError, key: str) -> TryFailed:
    """An HTTP status that is not 200."""
    status, said = error.status_code, _said(error, key)
    begin = f"the upstream {upstream!r} answered {status}"
    if status == 429 and error.code != "insufficient_quota":
        failed = TryFailed(JudgeUnavailable(f"{begin}: {said}"), "throttled", again=True)
    elif status in {408, 409} or (status >= 500 and status != 501):
        failed = TryFailed(
            JudgeUnavailable(f"{begin}: {said}"), "failed", again=True, sick=status >= 500
        )
    else:
        return _rejected(begin, error, said)
    failed.wait = retry_after(error.response.headers)
    return failed


def _rejected(begin: str, error: openai.APIStatusError, said: str) -> TryFailed:
    status = error.status_code
    if status in {400, 422} and _filtered(error.body):
        return TryFailed(
            JudgeContentFiltered("the upstream's content filter stopped the prompt"),
            "filtered",
        )
    if status in {400, 413} and (status == 413 or error.code == "context_length_exceeded"):
        too_large = TextTooLarge(f"the rendered prompt is too long: {begin}: {said}")
        return TryFailed(too_large, "rejected")
    if status in {401, 403}:  # upstreams quote keys here, whole or in part
        rejected = JudgeRejected(f"{begin}; look at the key in the service's configuration")
        return TryFailed(rejected, "rejected")
    failed = JudgeRejected(f"{begin}: {said}")
    if _no_route(error, said):
        unknown = TryFailed(failed, "rejected")
        unknown.no_route = True
        return unknown
    if status in {400, 422} and any(word in f"{error.param} {said}" for word in _FORM_WORDS):
        return FormRefused(failed, "rejected")
    return TryFailed(failed, "rejected")


def _no_route(error: openai.APIStatusError, said: str) -> bool:
    """Servers that do not speak `/responses` say so by a status, vLLM for some models in a sentence."""
    if error.status_code in {404, 405, 501}:
        return error.code not in ("model_not_found", "DeploymentNotFound")
    return "support Responses API" in said


def _filtered(body: Any) -> bool:
    """OpenAI says it in `code`, Azure in `code` or in `innererror.code`."""
    if not isinstance(body, Mapping):
        return False
    inner = body.get("innererror")
    codes = {body.get("code"), inner.get("code") if isinstance(inner, Mapping) else None}
    return any(code in codes for code in _FILTER_CODES)


def _said(error: openai.APIStatusError, key: str) -> str:
    body = error.body
    message = body.get("message") if isinstance(body, Mapping) else None
    text = message if isinstance(message, str) else "no message"
    return scrub(text, key)[:SHOWN_CHARACTERS]


def scrub(text: str, key: str) -> str:
    """The text without the key, wherever an upstream has put it. A key of fewer than 8 characters is no secret but a word ("EMPTY")."""
    return text.replace(key, "[key]") if len(key) >= 8 else text


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the next try, from `retry-after-ms` or `Retry-After` (seconds or a date); None where nothing usable is said."""
    milliseconds, said = headers.get("retry-after-ms"), headers.get("retry-after")
    for text, unit in ((milliseconds, 0.001), (said, 1.0)):
        try:
            seconds = float(text or "") * unit
        except ValueError:
            continue
        return seconds if 0 <= seconds < float("inf") else None
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said or "").timestamp() - time.time())
    except ValueError:
        return None
