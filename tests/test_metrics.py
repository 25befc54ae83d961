"""What a dashboard reads: names, closed label sets, and numbers that follow what happened."""

import json
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from grader_service.settings import Settings
from tests.definitions import MULTI, PYTHON, STRING_CHECK, body
from tests.http.test_errors import RUN
from tests.serving import serving


@pytest.fixture
def http(tmp_path: Path):
    (tmp_path / "capital.json").write_text(json.dumps(STRING_CHECK))
    settings = Settings(sandbox="off", log_level="error", catalogue=tmp_path)
    with serving(settings) as address, httpx.Client(base_url=address) as client:
        yield client


def scrape(http: httpx.Client) -> dict[tuple[str, frozenset], float]:
    families = text_string_to_metric_families(http.get("/metrics").text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: dict, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_grades_rewards_causes_and_requests_are_counted(http: httpx.Client) -> None:
    http.post(RUN, json=body(STRING_CHECK))
    http.post(RUN, json=body(STRING_CHECK, "Rome"))
    http.post(RUN, json=body(STRING_CHECK, item={}))
    http.post(RUN, json=body(MULTI))
    http.post(RUN, json=body(PYTHON))
    http.post(RUN, json={})
    http.post(
        "/graders/capital", json={"sample": {"output_text": "Paris"}, "item": {"answer": "Paris"}}
    )
    found = scrape(http)
    graded = {"type": "string_check"}
    assert value(found, "grader_grades_total", state="value", **graded) == 4
    assert value(found, "grader_grades_total", state="invalid", **graded) == 1
    assert value(found, "grader_grades_total", state="failed", type="python") == 1
    assert value(found, "grader_grades_total", state="value", type="multi") == 1
    assert value(found, "grader_reward_count", **graded) == 3
    assert value(found, "grader_reward_magnitude_total", sign="positive", **graded) == 2
    assert value(found, "grader_causes_total", kind="variable_missing") == 1
    assert value(found, "grader_causes_total", kind="sandbox_off") == 1
    assert value(found, "grader_grade_seconds_count", **graded) == 5
    assert value(found, "grader_requests_total", route="openai_run", status="200") == 5
    assert value(found, "grader_requests_total", route="openai_run", status="400") == 1
    assert value(found, "grader_request_seconds_count", route="catalogue_score") == 1
    assert value(found, "grader_catalogue_grades_total", grader="capital", state="value") == 1
    sums = {"grader": "capital", "sign": "positive"}
    assert value(found, "grader_catalogue_reward_magnitude_total", **sums) == 1
    assert value(found, "grader_catalogue_graders") == 1
    assert value(found, "grader_catalogue_faults") == 0
    assert value(found, "grader_in_flight") == 0
    assert value(found, "grader_sandbox_engine", engine="off") == 1


def test_callers_make_no_new_series(http: httpx.Client) -> None:
    before = {name for name, _ in scrape(http)}
    before_all = set(scrape(http))
    http.get("/chosen/by/a/caller")
    http.request("PURGE", "/graders/capital")
    http.post(RUN, json=body({**STRING_CHECK, "name": "chosen by a caller"}))
    http.post("/graders/chosen", json={})
    assert set(scrape(http)) == before_all
    assert {name for name, _ in scrape(http)} == before


def test_negative_rewards_have_a_sum_of_their_own(http: httpx.Client) -> None:
    http.post(RUN, json=body({**MULTI, "calculate_output": "-1.5 * exact"}))
    found = scrape(http)
    labels = {"type": "multi", "sign": "negative"}
    assert value(found, "grader_reward_magnitude_total", **labels) == 1.5
    assert value(found, "grader_reward_bucket", type="multi", le="-1.0") == 1


@pytest.mark.parametrize("of_batch", [False, True])
def test_no_reward_is_so_large_that_no_sum_moves_after_it(
    http: httpx.Client, of_batch: bool
) -> None:
    """Whoever may call can send a grader that gives 10^308, and 10^308 twice is infinite."""
    ask = body({**MULTI, "calculate_output": "exact * 10^308"})
    for _ in range(2):
        if of_batch:
            batch = {"grader": ask["grader"], "rows": [{"item": ask["item"], "sample": "Paris"}]}
            http.post("/v1/graders/batch", json=batch)
        else:
            http.post(RUN, json=ask)
    http.post(RUN, json=body({**MULTI, "calculate_output": "0.5"}))
    found = scrape(http)
    labels = {"type": "multi", "sign": "positive"}
    assert value(found, "grader_reward_magnitude_total", **labels) == 2_000_000.5
    assert value(found, "grader_reward_count", type="multi") == 3
