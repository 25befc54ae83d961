"""What a face answers where grading itself failed: by no means a score."""

from grader_service.errors import BudgetExhausted, RequestRefused, SandboxOverloaded
from grader_service.graders.result import Result

RETRY_AFTER_SECONDS = "2"


def refuse_shed(result: Result) -> None:
    """Both faces say alike what was not even tried: the operator's spending guard, and a full queue.

    A grade that has cost tokens is no case for a 429, which the official SDK repeats without a word.

    Raises:
        RequestRefused: 429; with `Retry-After` where a retry can help.
    """
    for cause in result.causes:
        if cause.kind == BudgetExhausted.kind:
            raise RequestRefused(
                cause.details, status=429, code=cause.kind, headers={"x-should-retry": "false"}
            )
        if cause.kind == SandboxOverloaded.kind and result.retryable and not result.usage:
            headers = {"retry-after": RETRY_AFTER_SECONDS}
            raise RequestRefused(cause.details, status=429, code=cause.kind, headers=headers)


def refuse_failed(result: Result) -> None:
    """A score of 0 would be trained on; an error is tried again, or drops the rollout.

    Raises:
        RequestRefused: 503 where a retry may help, 429 where it was shed, else 500.
    """
    refuse_shed(result)
    failed = [cause for cause in result.causes if cause.failed]
    if not failed:
        return
    if result.retryable:
        headers = {"retry-after": RETRY_AFTER_SECONDS}
        raise RequestRefused(failed[0].details, status=503, code=failed[0].kind, headers=headers)
    raise RequestRefused(failed[0].details, status=500, code=failed[0].kind)
