"""The face that the official SDK knows: run and validate under each of its prefixes (grader-api §1.1)."""

from fastapi import APIRouter, Request

from grader_service.errors import InvalidGrader, RequestRefused
from grader_service.graders.base import Grader
from grader_service.graders.context import Engines
from grader_service.http.auth import DOCUMENTED
from grader_service.http.caller import caller_of
from grader_service.http.failures import refuse_shed
from grader_service.http.json_route import JsonRoute
from grader_service.sample import sample_of
from grader_service.wire import (
    ErrorAnswer,
    RunAnswer,
    RunRequest,
    ValidateAnswer,
    ValidateRequest,
    masked,
    run_answer,
)

DOCUMENTED_PREFIX = "/v1"
PREFIXES = (DOCUMENTED_PREFIX, "", "/openai/v1", "/openai")
"""What `OpenAI(base_url=…)` and `AzureOpenAI(azure_endpoint=…)` put before the path; all answer the same."""


async def run(body: RunRequest, request: Request) -> RunAnswer:
    """Grade one sample. A sample that cannot be graded is a 200 with a raised error key; a broken grader is a 400."""
    caller = caller_of(request)
    await check(body.grader, caller.engines)
    item = body.item
    if item is None:
        item = {} if body.reference_answer is None else {"reference_answer": body.reference_answer}
    result = await body.grader.grade(caller.context(item, sample_of(body.model_sample)))
    refuse_shed(result)
    return run_answer(result)


async def validate(body: ValidateRequest, request: Request) -> ValidateAnswer:
    """Check a grader as `run` would, and echo it."""
    warnings = await check(body.grader, caller_of(request).engines)
    echo = masked(body.grader.spelled)
    echo.setdefault("name", body.grader.name)
    answer: ValidateAnswer = {"grader": echo}
    if warnings:
        answer["warnings"] = warnings
    return answer


async def check(grader: Grader, engines: Engines) -> list[str]:
    """Warnings for the author.

    Raises:
        RequestRefused: 400 with `param` from the body's root.
    """
    try:
        return await grader.check(engines)
    except InvalidGrader as error:
        param = f"grader.{error.param}" if error.param else "grader"
        raise RequestRefused(error.message, param=param, code=error.code) from None


def router() -> APIRouter:
    """The two routes under each prefix; only one prefix is documented, or the page would say all of it four times."""
    routes = APIRouter(
        route_class=JsonRoute,
        tags=["graders"],
        dependencies=DOCUMENTED,
        responses={
            status: {"model": ErrorAnswer} for status in (400, 401, 403, 408, 413, 415, 429, 500)
        },
    )
    for prefix in PREFIXES:
        for endpoint, path, answer in (
            (run, "run", RunAnswer),
            (validate, "validate", ValidateAnswer),
        ):
            routes.add_api_route(
                f"{prefix}/fine_tuning/alpha/graders/{path}",
                endpoint,
                methods=["POST"],
                response_model=answer,
                name=f"openai_{path}",
                operation_id=f"{path}_grader",
                include_in_schema=prefix == DOCUMENTED_PREFIX,
            )
    return routes
