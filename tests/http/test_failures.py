"""Python and model graders through the faces: what is a score, what is an error, what is asked anew."""

import json
from pathlib import Path

import httpx
import pytest

from grader_service.errors import SandboxOverloaded
from grader_service.settings import Settings
from tests.definitions import LABEL_MODEL, MULTI, PYTHON, SCORE_MODEL, body
from tests.fakes.sandbox import ScriptedSandbox
from tests.fakes.upstream import error, obliging, serving_upstream, verdict
from tests.http.test_errors import RUN, check_form
from tests.opening import opening
from tests.serving import serving


def settings(upstream: object, **more: object) -> Settings:
    return Settings(
        sandbox="off",
        log_level="error",
        llm_base_url=upstream.base_url,
        llm_api_key="planted-key",
        **more,
    )


def test_a_judges_verdict_with_its_tokens() -> None:
    with serving_upstream(verdict(0.5)) as upstream, serving(settings(upstream)) as address:
        found = httpx.post(address + RUN, json=body(SCORE_MODEL)).json()
    assert found["reward"] == 0.5
    assert found["metadata"]["sampled_model_name"] == "judge-2025-01-01"
    usage = {
        "prompt_tokens": 100,
        "total_tokens": 120,
        "completion_tokens": 20,
        "cached_tokens": 40,
    }
    assert found["metadata"]["token_usage"] == usage
    assert found["model_grader_token_usage_per_model"] == {"judge-2025-01-01": usage}


def test_parts_of_every_kind_stand_beside_each_other() -> None:
    grader = {
        **MULTI,
        "graders": {**MULTI["graders"], "judge": SCORE_MODEL, "label": LABEL_MODEL},
        "calculate_output": "exact + near + judge + label",
    }
    with serving_upstream(default=obliging) as upstream, serving(settings(upstream)) as address:
        found = httpx.post(address + RUN, json=body(grader)).json()
    assert found["reward"] == 1 + 1 + 0.75 + 1
    assert found["metadata"]["token_usage"]["total_tokens"] == 240


def test_a_budget_that_is_used_up_is_a_429_on_both_faces(tmp_path: Path) -> None:
    (tmp_path / "judge.json").write_text(json.dumps(SCORE_MODEL))
    with serving_upstream(default=obliging) as upstream:
        more = {"llm_price": "0,0,1000", "budget_total": 0.000001, "state_dir": tmp_path / "state"}
        with serving(settings(upstream, catalogue=tmp_path, **more)) as address:
            posted = {"sample": {"output_text": "x"}, "item": {}}
            answers = [
                httpx.post(address + RUN, json=body(SCORE_MODEL)),
                httpx.post(address + "/graders/judge", json=posted),
            ]
    for answer in answers:
        assert check_form(answer, 429)["code"] == "budget_exhausted"
        assert answer.headers["x-should-retry"] == "false"


def test_a_full_queue_is_a_429_on_both_faces(tmp_path: Path) -> None:
    (tmp_path / "code.json").write_text(json.dumps(PYTHON))
    sandbox = ScriptedSandbox([SandboxOverloaded("all are busy")] * 2)
    quiet = Settings(sandbox="off", log_level="error", catalogue=tmp_path)
    posted = {"sample": {"output_text": "x"}, "item": {}}
    with serving(quiet, opening(sandbox=sandbox)) as address:
        answers = [
            httpx.post(address + RUN, json=body(PYTHON)),
            httpx.post(address + "/graders/code", json=posted),
        ]
    for answer in answers:
        assert check_form(answer, 429)["code"] == "sandbox_overloaded"
        assert int(answer.headers["retry-after"]) >= 1
        assert "x-should-retry" not in answer.headers


def test_a_full_queue_after_a_judge_was_paid_is_no_429() -> None:
    """The SDK would repeat it without a word, and pay again."""
    both = {**MULTI, "graders": {"code": PYTHON, "judge": SCORE_MODEL}}
    both["calculate_output"] = "code + judge"
    sandbox = ScriptedSandbox([SandboxOverloaded("all are busy")])
    with (
        serving_upstream(verdict(0.5)) as upstream,
        serving(settings(upstream), opening(sandbox=sandbox)) as address,
    ):
        answer = httpx.post(address + RUN, json=body(both))
    assert answer.status_code == 200
    assert answer.json()["metadata"]["errors"]["python_grader_server_error"] is True


@pytest.mark.parametrize("status", [500, 401])
def test_a_judge_that_is_down_is_no_score_for_a_training_job(tmp_path: Path, status: int) -> None:
    (tmp_path / "judge.json").write_text(json.dumps(SCORE_MODEL))
    posted = {"sample": {"output_text": "x"}, "item": {}}
    with (
        serving_upstream(default=error(status)) as upstream,
        serving(settings(upstream, catalogue=tmp_path)) as address,
    ):
        answer = httpx.post(address + "/graders/judge", json=posted, timeout=60)
        hosted = httpx.post(address + RUN, json=body(SCORE_MODEL), timeout=60).json()
    check_form(answer, 503 if status == 500 else 500)
    assert "planted-key" not in answer.text
    assert hosted["reward"] == 0.0
    assert hosted["metadata"]["errors"]["model_grader_server_error"] is True


def test_no_store_asks_the_judge_anew() -> None:
    with (
        serving_upstream(verdict(0.25), verdict(0.5)) as upstream,
        serving(settings(upstream, judge_cache="memory")) as address,
    ):

        def reward(**headers: str) -> float:
            answer = httpx.post(address + RUN, json=body(SCORE_MODEL), headers=headers)
            return answer.json()["reward"]

        no_store = {"cache-control": "no-store"}
        assert [reward(), reward(), reward(**no_store), reward()] == [0.25, 0.25, 0.5, 0.25]


def test_a_model_that_no_upstream_knows_is_a_broken_grader() -> None:
    unknown = {**SCORE_MODEL, "model": "gpt-4o-2024-08-07"}
    with serving_upstream() as upstream, serving(settings(upstream)) as address:
        error = check_form(httpx.post(address + RUN, json=body(unknown)), 400)
    assert error["param"] == "grader.model"
    assert "gpt-4o-2024-08-06" in error["message"]


def test_without_a_sandbox_a_python_grader_says_what_to_do(server: str) -> None:
    errors = httpx.post(server + RUN, json=body(PYTHON)).json()["metadata"]["errors"]
    assert "GRADER_SANDBOX=off" in errors["python_grader_server_error_details"]
