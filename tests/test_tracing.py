"""Traces, as a collector on loopback gets them from a real server."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from grader_service.settings import Settings
from tests import processes
from tests.definitions import PYTHON, STRING_CHECK, body
from tests.fakes import upstream as fake
from tests.fakes.collector import Collector, Span, collecting
from tests.fakes.sandbox import ScriptedSandbox
from tests.fakes.upstream import serving_upstream
from tests.http.test_errors import RUN
from tests.opening import opening
from tests.serving import serving

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SENT = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
QUIET = {"sandbox": "off", "log_level": "error"}

JUDGED = {"type": "score_model", "input": [{"role": "user", "content": "{{sample.output_text}}"}]}
JUDGED |= {"name": "judged", "model": "gpt-4o"}


def multi(scorer: str) -> dict[str, Any]:
    parts = {
        "same": STRING_CHECK,
        "judged": JUDGED,
        "scored": {"type": "endpoint", "name": "scored", "url": f"{scorer}/score"},
    }
    return {
        "type": "multi",
        "name": "all",
        "graders": parts,
        "calculate_output": "same + judged + scored",
    }


def named(collector: Collector, name: str) -> Span:
    (span,) = [each for each in collector.spans if each.name == name]
    return span


def test_the_trace_of_a_request_goes_down_to_the_calls_and_on_to_who_is_called() -> None:
    with (
        collecting() as collector,
        serving_upstream(fake.verdict(0.5)) as judge,
        serving_upstream(fake.Answer(body={"score": 0.25})) as scorer,
    ):
        settings = Settings(
            otlp_endpoint=collector.address,
            llm_base_url=judge.base_url,
            endpoint_hosts=scorer.root,
            **QUIET,
        )
        with serving(settings) as address:
            answer = httpx.post(
                address + RUN,
                json=body(multi(scorer.root)),
                headers=SENT | {"x-request-id": "mine"},
            )
            httpx.get(address + "/metrics")
    assert answer.json()["reward"] == 1.75
    root = "POST openai_run"
    assert {path: len(ids) for path, ids in collector.tree().items()} == {
        root: 1,
        f"{root} > grade": 1,
        f"{root} > grade > grade": 3,
        f"{root} > grade > grade > render": 3,
        f"{root} > grade > grade > judge": 1,
        f"{root} > grade > grade > judge > judge.call": 1,
        f"{root} > grade > grade > endpoint": 1,
    }
    assert {span.trace for span in collector.spans} == {TRACE}
    request = named(collector, root)
    assert (request.parent, request.kind) == (CALLER, 2)
    assert "mine" in request.attributes["grader.request_id"]
    for received, span in ((judge.received[0], "judge"), (scorer.received[0], "endpoint")):
        sent = {name.lower(): value for name, value in received.headers.items()}
        assert sent["traceparent"] == f"00-{TRACE}-{named(collector, span).id}-01"
    types = Counter(s.attributes["grader.type"] for s in collector.spans if s.name == "grade")
    assert len(types) == 4
    assert "grader-service" in collector.resources[0]["service.name"]


def test_the_sandbox_shows_its_wait_and_its_run(tmp_path: Path) -> None:
    with collecting() as collector:
        settings = Settings(
            otlp_endpoint=collector.address, log_level="error", sandbox="bubblewrap"
        )
        with serving(settings) as address:
            if not httpx.get(address + "/readyz").json()["sandbox"]["ready"]:
                pytest.skip("##### NOT CHECKED: bubblewrap does not work here #####")
            assert httpx.post(address + RUN, json=body(PYTHON), timeout=60).status_code == 200
    above = "POST openai_run > grade > sandbox"
    assert {f"{above} > sandbox.queue", f"{above} > sandbox.run"} < set(collector.tree())
    queue, run = named(collector, "sandbox.queue"), named(collector, "sandbox.run")
    assert queue.seconds + run.seconds <= named(collector, "sandbox").seconds + 0.01


def test_no_text_of_a_sample_an_item_or_a_source_is_in_a_trace() -> None:
    planted = "planted-text-4711"
    source = f"def grade(sample, item):\n    raise ValueError('{planted}')"
    with (
        collecting() as collector,
        serving_upstream(fake.error(400, planted), fake.verdict(planted)) as judge,
    ):
        settings = Settings(otlp_endpoint=collector.address, llm_base_url=judge.base_url, **QUIET)
        sandbox = ScriptedSandbox([RuntimeError(planted)])
        with serving(settings, opening(sandbox=sandbox)) as address:
            for grader in (
                {**STRING_CHECK, "name": planted},
                {**PYTHON, "source": source},
                JUDGED,
                {**JUDGED, "name": planted},
                {"type": planted},
            ):
                httpx.post(address + RUN, json=body(grader, planted, item={"answer": planted}))
            httpx.get(address + f"/graders/{planted}", headers={"x-request-id": f"{planted} x"})
    assert len(collector.spans) > 10
    assert planted.encode() not in collector.raw
    assert any(span.failed for span in collector.spans)


@pytest.mark.parametrize(
    "headers",
    [
        [("traceparent", "rubbish")],
        [("traceparent", f"00-{TRACE}-{CALLER}-01")] * 2,
        [("traceparent", f"00-{'0' * 32}-{CALLER}-01")],
        [("traceparent", "\xff" * 55)],
    ],
)
def test_a_header_that_is_none_begins_a_trace_of_ones_own(headers: list[tuple[str, str]]) -> None:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    with (
        collecting() as collector,
        serving(Settings(otlp_endpoint=collector.address, **QUIET)) as address,
    ):
        httpx.post(address + RUN, json=body(STRING_CHECK), headers=sent)
    (request,) = [span for span in collector.spans if not span.parent]
    assert request.trace != TRACE


def test_what_is_not_sampled_by_the_caller_is_not_sent_and_is_still_passed_on() -> None:
    with collecting() as collector, serving_upstream(fake.verdict(1)) as judge:
        settings = Settings(otlp_endpoint=collector.address, llm_base_url=judge.base_url, **QUIET)
        with serving(settings) as address:
            headers = {"traceparent": f"00-{TRACE}-{CALLER}-00"}
            httpx.post(address + RUN, json=body(JUDGED), headers=headers)
    assert not collector.spans
    sent = {name.lower(): value for name, value in judge.received[0].headers.items()}
    assert sent["traceparent"].startswith(f"00-{TRACE}-")
    assert sent["traceparent"].endswith("-00")


def test_without_a_collector_nothing_is_passed_on() -> None:
    with (
        serving_upstream(fake.verdict(1)) as judge,
        serving(Settings(llm_base_url=judge.base_url, **QUIET)) as address,
    ):
        httpx.post(address + RUN, json=body(JUDGED), headers=SENT)
    assert "traceparent" not in {name.lower() for name in judge.received[0].headers}


def test_a_collector_that_is_away_costs_no_grade_and_is_told() -> None:
    with processes.serving(otlp_endpoint="http://127.0.0.1:9", sandbox="off") as running:
        answer = httpx.post(running.address + RUN, json=body(STRING_CHECK))
        assert answer.json()["reward"] == 1.0
        running.process.terminate()
        assert running.process.wait(60) == 0
        events = [json.loads(line) for line in running.log.read_text().splitlines()]
    assert [event for event in events if event["event"] == "traces"]


def test_the_server_loads_no_opentelemetry_unless_it_is_asked_for() -> None:
    code = (
        "import sys; from grader_service.app import create_app; from grader_service.settings import Settings; "
        "create_app(Settings()); print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GRADER_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
