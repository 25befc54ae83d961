"""The OpenAPI document says what the service really answers, whatever it is sent."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

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
    with serving(Settings(catalogue=folder, sandbox="off", log_level="error")) as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


schema = schemathesis.pytest.from_fixture("documented")


@schema.parametrize()
@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_no_undocumented_answer(case: Case) -> None:
    case.call_and_validate(checks=CHECKS)
