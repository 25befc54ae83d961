"""The OpenAPI document says what the service really answers, whatever it is sent."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import schemathesis
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.errors import UnsupportedSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from grader_service.http.auth import OPEN_PATHS
from grader_service.settings import Settings
from tests.definitions import MULTI, STRING_CHECK
from tests.serving import serving

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    unsupported_method,
]


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    folder: Path = tmp_path_factory.mktemp("catalogue")
    for name, grader in (("capital", STRING_CHECK), ("both", MULTI)):
        (folder / f"{name}.json").write_text(json.dumps(grader))
    settings = Settings(
        catalogue=folder, sandbox="off", log_level="error", webhook_hosts="http://127.0.0.1:1"
    )
    with serving(settings) as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


OPERATIONS = [
    "POST /v1/fine_tuning/alpha/graders/run",
    "POST /v1/fine_tuning/alpha/graders/validate",
    "POST /v1/graders/batch",
    "GET /graders",
    "GET /graders/{name}",
    "POST /graders/{name}",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
]

STORED = [
    "POST /v1/webhook_endpoints",
    "GET /v1/webhook_endpoints",
    "GET /v1/webhook_endpoints/{webhook_endpoint_id}",
    "POST /v1/webhook_endpoints/{webhook_endpoint_id}",
    "DELETE /v1/webhook_endpoints/{webhook_endpoint_id}",
    "POST /v1/webhook_endpoints/{webhook_endpoint_id}/rotate_secret",
    "POST /v1/webhook_endpoints/{webhook_endpoint_id}/test",
    "GET /v1/webhook_event_types",
    "POST /v1/evals",
    "GET /v1/evals",
    "GET /v1/evals/{eval_id}",
    "POST /v1/evals/{eval_id}",
    "DELETE /v1/evals/{eval_id}",
    "POST /v1/evals/{eval_id}/runs",
    "GET /v1/evals/{eval_id}/runs",
    "GET /v1/evals/{eval_id}/runs/{run_id}",
    "POST /v1/evals/{eval_id}/runs/{run_id}",
    "POST /v1/evals/{eval_id}/runs/{run_id}/cancel",
    "DELETE /v1/evals/{eval_id}/runs/{run_id}",
    "GET /v1/evals/{eval_id}/runs/{run_id}/output_items",
    "GET /v1/evals/{eval_id}/runs/{run_id}/output_items/{output_item_id}",
    "POST /v1/files",
    "GET /v1/files",
    "GET /v1/files/{file_id}",
    "DELETE /v1/files/{file_id}",
    "GET /v1/files/{file_id}/content",
]
"""Of the Evals and Files APIs."""


FITS, DOES_NOT_FIT = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


@st.composite
def cases(draw: st.DrawFn, made: st.SearchStrategy[Case]) -> Case:
    """Without the ones that schemathesis begins and then finds that it cannot make."""
    try:
        return draw(made)
    except UnsupportedSchema:
        reject()


@pytest.mark.parametrize(
    ("label", "mode"),
    [(label, FITS) for label in OPERATIONS if label.startswith("POST")]
    # the generator cannot negate a schema that only refers to others, as validate's does
    + [
        (label, DOES_NOT_FIT)
        for label in OPERATIONS
        if label.startswith("POST") and "validate" not in label
    ],
)
def test_no_undocumented_answer(
    documented: schemathesis.BaseSchema, label: str, mode: GenerationMode
) -> None:
    method, path = label.split()

    @settings(
        max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(case=cases(documented[path][method].as_strategy(generation_mode=mode)))
    def answers_as_documented(case: Case) -> None:
        if case.path_parameters and len(case.path_parameters["name"]) % 2:
            case.path_parameters["name"] = "capital"  # no generator guesses the name of a grader
        case.call_and_validate(checks=CHECKS)

    answers_as_documented()


@pytest.mark.parametrize("label", [label for label in OPERATIONS if label.startswith("GET")])
def test_operations_that_only_show(documented: schemathesis.BaseSchema, label: str) -> None:
    for name in ("capital", "nobody"):
        case = documented[label.split()[1]]["GET"].Case(path_parameters={"name": name})
        case.call_and_validate(checks=CHECKS)


@pytest.fixture(scope="module")
def stored(documented: schemathesis.BaseSchema) -> dict[str, str]:
    """Ids of one object of each kind."""
    with openai.OpenAI(
        base_url=documented.get_base_url().rstrip("/") + "/v1", api_key="none"
    ) as client:
        made = client.evals.create(
            data_source_config={"type": "custom", "item_schema": {}},
            testing_criteria=[STRING_CHECK],
        )
        file = client.files.create(file=b'{"item": {}}', purpose="evals")
        run = client.evals.runs.create(
            made.id,
            data_source={"type": "jsonl", "source": {"type": "file_id", "id": file.id}},
        )
        while run.status not in ("completed", "failed"):
            run = client.evals.runs.retrieve(run.id, eval_id=made.id)
        hook = client.webhooks.create(
            name="hook", url="http://127.0.0.1:1/", event_types=["eval.run.failed"]
        )
        (item,) = client.evals.runs.output_items.list(run.id, eval_id=made.id)
    return {
        "eval_id": made.id,
        "run_id": run.id,
        "output_item_id": item.id,
        "file_id": file.id,
        "webhook_endpoint_id": hook.id,
    }


@pytest.mark.parametrize(
    ("label", "mode"),
    [(label, FITS) for label in STORED]
    + [
        (label, DOES_NOT_FIT)
        for label in STORED
        if label.startswith(("POST", "GET")) and not label.endswith(("_id}", "cancel", "content"))
    ],
)
def test_no_undocumented_answer_of_what_is_stored(
    documented: schemathesis.BaseSchema, stored: dict[str, str], label: str, mode: GenerationMode
) -> None:
    method, path = label.split()

    @settings(
        max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(
        case=cases(documented[path][method].as_strategy(generation_mode=mode)), known=st.booleans()
    )
    def answers_as_documented(case: Case, known: bool) -> None:
        if known and method != "DELETE":
            case.path_parameters = {name: stored[name] for name in re.findall(r"{(\w+)}", path)}
        case.call_and_validate(checks=CHECKS)

    answers_as_documented()


def test_every_operation_is_tried(documented: schemathesis.BaseSchema) -> None:
    found = [operation.ok().label for operation in documented.get_all_operations()]
    assert sorted(found) == sorted(OPERATIONS + STORED)


def test_the_document_says_what_is_sent_and_never_is(documented: schemathesis.BaseSchema) -> None:
    """Keys, names in paths and the metrics' form are there; the framework's own 422 is not."""
    document = documented.raw_schema
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert "422" not in operation["responses"], path
            named = [
                parameter["name"]
                for parameter in operation.get("parameters", [])
                if parameter["in"] == "path"
            ]
            assert named == re.findall(r"{(\w+)}", path), path
            open_to_all = path in OPEN_PATHS
            assert ("security" in operation) != open_to_all, path
    sent = {
        (scheme.get("name") or scheme["scheme"]).lower()
        for scheme in document["components"]["securitySchemes"].values()
    }
    assert sent == {"bearer", "api-key", "x-api-key", "x-functions-key"}
    metrics = document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]
    assert list(metrics) == ["text/plain"]
