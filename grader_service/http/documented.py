"""Parameters for the OpenAPI document alone: `JsonRoute` resolves no dependencies, endpoints read the request."""

from typing import Annotated, Literal

from fastapi import File, Form, Path, Query, UploadFile

from grader_service.evals.bodies import CreateRun
from grader_service.http.listing import After, Limit, Order

EvalId = Annotated[str, Path(description="Id of an eval.")]
RunId = Annotated[str, Path(description="Id of a run of the eval.")]


def of_eval(eval_id: EvalId) -> None:
    pass


def of_run(eval_id: EvalId, run_id: RunId) -> None:
    pass


def of_item(
    eval_id: EvalId,
    run_id: RunId,
    output_item_id: Annotated[str, Path(description="Id of an output item of the run.")],
) -> None:
    pass


def of_file(file_id: Annotated[str, Path(description="Id of a file.")]) -> None:
    pass


def list_of_evals(
    after: After = None,
    limit: Limit = 20,
    order: Order = "asc",
    order_by: Literal["created_at", "updated_at"] = "created_at",
) -> None:
    pass


def list_of_runs(
    eval_id: EvalId,
    after: After = None,
    limit: Limit = 20,
    order: Order = "asc",
    status: Literal["queued", "in_progress", "completed", "canceled", "failed"] | None = None,
) -> None:
    pass


def list_of_items(
    eval_id: EvalId,
    run_id: RunId,
    after: After = None,
    limit: Limit = 20,
    order: Order = "asc",
    status: Annotated[
        Literal["pass", "fail", "error"] | None, Query(description="Only items of this outcome.")
    ] = None,
) -> None:
    pass


def list_of_files(
    after: After = None,
    limit: Annotated[int, Query(description="At most 10,000.")] = 10_000,
    order: Order = "desc",
    purpose: str | None = None,
) -> None:
    pass


def of_webhook(
    webhook_endpoint_id: Annotated[str, Path(description="Id of a webhook endpoint.")],
) -> None:
    pass


def list_of_webhooks(after: After = None, limit: Limit = 20, order: Order = "asc") -> None:
    pass


def new_run(eval_id: EvalId, body: CreateRun) -> None:
    pass


def new_file(
    file: Annotated[UploadFile, File(description="The content.")],
    purpose: Annotated[str, Form(description="What the file is for, such as `evals`.")],
    expires_after_anchor: Annotated[
        Literal["created_at"] | None, Form(alias="expires_after[anchor]")
    ] = None,
    expires_after_seconds: Annotated[
        int | None, Form(alias="expires_after[seconds]", ge=3600, le=2_592_000)
    ] = None,
) -> None:
    pass
