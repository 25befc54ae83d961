"""What a face answers where grading itself failed: by no means a score."""

from grader_service.errors import BudgetExhausted, RequestRefused
from grader_service.graders.result import Result

RETRY_AFTER_SECONDS = "2"


def refuse_without_budget(result: Result) -> None:
    """The spending guard is the operator's decision: both faces say it alike, and a retry would not help.

    Raises:
        RequestRefused: 429, where a judge was not asked because the budget is used up.
    """
    for cause in result.causes:
        if cause.kind == BudgetExhausted.kind:
            raise RequestRefused(
                cause.details, status=429, code=cause.kind, headers={"x-should-retry": "false"}
            )


def refuse_failed(result: Result) -> None:
    """A score of 0 would be trained on; an error is tried again, or drops the rollout.

    Raises:
        RequestRefused: 503 where a retry may help, 429 without budget, else 500.
    """
    refuse_without_budget(result)
    failed = [cause for cause in result.causes if cause.failed]
    if not failed:
        return
    if result.retryable:
        headers = {"retry-after": RETRY_AFTER_SECONDS}
        raise RequestRefused(failed[0].details, status=503, code=failed[0].kind, headers=headers)
    raise RequestRefused(failed[0].details, status=500, code=failed[0].kind)
