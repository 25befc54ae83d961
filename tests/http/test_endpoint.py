"""What a training job calls: graders by name, one float back, and 503 only where a retry can help."""

import json
import threading
from pathlib import Path

import httpx
import pytest

from grader_service.errors import SandboxOff, SandboxUnavailable
from grader_service.settings import Settings
from tests.definitions import ENDPOINT, ITEM, MULTI, PYTHON, STRING_CHECK
from tests.fakes.sandbox import Gate, ScriptedSandbox
from tests.http.test_errors import check_form
from tests.opening import opening
from tests.serving import serving

SAMPLE = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Paris"}}],
    "output_text": "Paris",
    "output_json": None,
    "output_tools": [{"function": {"name": "find", "arguments": '{"city": "Paris"}'}}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "capital.json").write_text(json.dumps(STRING_CHECK))
    (tmp_path / "both.json").write_text(json.dumps(MULTI))
    (tmp_path / "code.json").write_text(json.dumps(PYTHON))
    (tmp_path / "far.json").write_text(json.dumps(ENDPOINT))
    (tmp_path / "tool.yaml").write_text(
        "type: string_check\n"
        "operation: eq\n"
        'input: "{{ sample.output_tools[0].function.arguments.city }}"\n'
        'reference: "{{ item.answer }}"\n'
    )
    return tmp_path


def settings(folder: Path, **more: object) -> Settings:
    return Settings(catalogue=folder, sandbox="off", log_level="error", **more)


@pytest.fixture
def http(folder: Path):
    with serving(settings(folder)) as address, httpx.Client(base_url=address) as client:
        yield client


def asked(**more: object) -> dict:
    return {"sample": SAMPLE, "item": ITEM, "trace_id": None, **more}


def test_score(http: httpx.Client) -> None:
    answer = http.post("/graders/capital", json=asked(of_a_later_version=1))
    assert answer.status_code == 200
    found = answer.json()
    reference = found.pop("grader")
    assert found == {"score": 1.0, "valid": True, "errors": {}, "sub_scores": {}, "trace_id": None}
    assert reference["name"] == "capital"
    assert reference["hash"] == http.get("/graders/capital").json()["hash"]


def test_no_item_is_an_empty_one(http: httpx.Client) -> None:
    sample = {"output_text": "Paris"}
    without, null = (
        http.post("/graders/capital", json={"sample": sample, **more})
        for more in ({}, {"item": None})
    )
    assert without.status_code == null.status_code == 200
    assert without.json()["score"] == null.json()["score"]
    wrong = http.post("/graders/capital", json={"sample": sample, "item": []})
    assert wrong.json()["error"]["param"] == "item"


def test_the_jobs_own_sample_is_used_as_it_is(http: httpx.Client) -> None:
    assert http.post("/graders/tool", json=asked()).json()["score"] == 1.0


def test_sub_scores(http: httpx.Client) -> None:
    found = http.post("/graders/both", json=asked()).json()
    assert found["sub_scores"] == {"exact": 1.0, "near": 1.0}


def test_a_bad_sample_has_a_score_and_says_so(http: httpx.Client) -> None:
    found = http.post("/graders/capital", json=asked(item={})).json()
    assert found["score"] == 0.0
    assert found["valid"] is False
    assert found["errors"]["invalid_variable_error"] is True
    assert len(found["errors"]) == 2


@pytest.mark.parametrize(
    ("failure", "status"), [(SandboxUnavailable("gone"), 503), (SandboxOff("never there"), 500)]
)
def test_our_failure_is_never_a_score(folder: Path, failure: Exception, status: int) -> None:
    sandbox = ScriptedSandbox([failure])
    with serving(settings(folder), opening(sandbox=sandbox)) as address:
        answer = httpx.post(address + "/graders/code", json=asked())
    error = check_form(answer, status)
    assert error["code"] == failure.kind
    assert ("retry-after" in answer.headers) == (status == 503)
    assert ("x-should-retry" in answer.headers) == (status == 500)


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"item": {}}, "sample"),
        ({"sample": "Paris"}, "sample"),
        ({"sample": {}, "item": 1}, "item"),
    ],
)
def test_the_callers_faults(http: httpx.Client, sent: dict, param: str) -> None:
    assert check_form(http.post("/graders/capital", json=sent), 400)["param"] == param


def test_unknown_name(http: httpx.Client) -> None:
    assert "capitol" in check_form(http.post("/graders/capitol", json=asked()), 404)["message"]


def test_list_and_show(http: httpx.Client) -> None:
    listed = http.get("/graders").json()["graders"]
    assert [entry["name"] for entry in listed] == ["both", "capital", "code", "far", "tool"]
    shown = http.get("/graders/far")
    assert "planted-secret" not in shown.text
    assert shown.json()["grader"]["headers"] == {"X-Functions-Key": "**********"}
    assert http.get("/graders/tool").json()["grader"]["name"] == "tool"


def test_a_repeated_request_is_answered_from_memory(folder: Path) -> None:
    sandbox = ScriptedSandbox([0.25, 0.5, 0.75])
    with serving(settings(folder), opening(sandbox=sandbox)) as address:

        def score(**more: object) -> float:
            return httpx.post(address + "/graders/code", json=asked(**more)).json()["score"]

        assert [score(trace_id="trace_1"), score(trace_id="trace_1")] == [0.25, 0.25]
        assert score(trace_id="trace_2") == 0.5
        assert score(trace_id="trace_1", item={"answer": "Rome"}) == 0.75
    assert len(sandbox.programs) == 3


def test_a_failure_is_not_remembered(folder: Path) -> None:
    sandbox = ScriptedSandbox([SandboxUnavailable("gone"), 1.0])
    with serving(settings(folder), opening(sandbox=sandbox)) as address:
        statuses = [
            httpx.post(address + "/graders/code", json=asked(trace_id="t")).status_code
            for _ in range(2)
        ]
    assert statuses == [503, 200]


def test_concurrent_twins_are_graded_once(folder: Path) -> None:
    gate = Gate()
    sandbox = ScriptedSandbox([gate])
    with serving(settings(folder), opening(sandbox=sandbox)) as address:
        scores: list[float] = []

        def post() -> None:
            answer = httpx.post(address + "/graders/code", json=asked(trace_id="twin"))
            scores.append(answer.json()["score"])

        twins = [threading.Thread(target=post) for _ in range(8)]
        for twin in twins:
            twin.start()
        waited = 0
        while (
            httpx.get(address + "/metrics").text.count("grader_in_flight 8.0") == 0 and waited < 500
        ):
            waited += 1
            twins[0].join(0.02)
        gate.open()
        for twin in twins:
            twin.join(10)
    assert scores == [1.0] * 8
    assert len(sandbox.programs) == 1
