"""Runs of graders that take their time: cancelling, capacity, judges, sampled outputs, other people's keys."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from grader_service.errors import SandboxUnavailable
from grader_service.settings import Settings
from tests.definitions import LABEL_MODEL, MULTI, PYTHON, SCORE_MODEL, STRING_CHECK
from tests.evals.asking import counts, inline, items_of, make_eval, row, stored, wait
from tests.fakes.sandbox import Gate, ScriptedSandbox
from tests.fakes.upstream import Answer, Received, completion, error, serving_upstream, verdict
from tests.opening import opening
from tests.serving import serving


@contextlib.contextmanager
def clients(
    folder: Path, *keys: str, sandbox: ScriptedSandbox | None = None, **settings: Any
) -> Iterator[tuple[openai.OpenAI, ...]]:
    """One client for each key (one without any) of a server with this sandbox."""
    if keys:
        settings["api_keys"] = ",".join(f"{key}:{key}" for key in keys)
    chosen = Settings(sandbox="off", log_level="error", data_dir=folder, **settings)
    engines = {} if sandbox is None else {"sandbox": sandbox}
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(serving(chosen, opening(**engines)))
        yield tuple(
            stack.enter_context(openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0))
            for key in keys or ("none",)
        )


def reach(client: openai.OpenAI, run: Any, graded: int) -> Any:
    """The run once so many rows are graded."""
    while True:
        run = client.evals.runs.retrieve(run.id, eval_id=run.eval_id)
        if sum(counts(run)[1:]) >= graded:
            return run


@pytest.mark.parametrize("path", ["sdk", "short"])
def test_a_run_under_way_is_cancelled(tmp_path: Path, path: str) -> None:
    """What is graded stays and is counted; what hangs is left, and nothing more comes."""
    gate = Gate()
    sandbox = ScriptedSandbox([1.0, 0.0, 1.0, *[gate] * 40])
    with clients(tmp_path, sandbox=sandbox) as (client,):
        made = make_eval(client, PYTHON)
        rows = [row(str(number), "x") for number in range(40)]
        run = client.evals.runs.create(made.id, data_source=inline(*rows))
        run = reach(client, run, 3)
        assert run.status == "in_progress"
        assert (counts(run), run.per_testing_criteria_results) == ((40, 2, 1, 0), None)
        assert len(items_of(client, run)) == 3
        if path == "sdk":
            run = client.evals.runs.cancel(run.id, eval_id=made.id)
        else:
            answer = client.post(f"/evals/{made.id}/runs/{run.id}", cast_to=httpx.Response)
            assert answer.json()["status"] == "canceled"
            run = client.evals.runs.retrieve(run.id, eval_id=made.id)
        assert (run.status, counts(run)) == ("canceled", (40, 2, 1, 0))
        (of_criterion,) = run.per_testing_criteria_results
        assert (of_criterion.passed, of_criterion.failed) == (2, 1)
        asked = len(sandbox.programs)
        gate.open()
        other = client.evals.runs.create(
            make_eval(client).id, data_source=inline(row("a", "a"), row("a", "a"))
        )
        wait(client, other)
        assert len(sandbox.programs) == asked
        again = client.evals.runs.cancel(run.id, eval_id=made.id)
        assert (again.status, counts(again), len(items_of(client, again))) == (
            "canceled",
            (40, 2, 1, 0),
            3,
        )
        assert list(client.files.list()) == []


def test_a_run_that_is_complete_stays_so(tmp_path: Path) -> None:
    with clients(tmp_path) as (client,):
        run = client.evals.runs.create(make_eval(client).id, data_source=inline(row("a")))
        run = wait(client, run)
        assert client.evals.runs.cancel(run.id, eval_id=run.eval_id).to_dict() == run.to_dict()


@pytest.mark.parametrize("what", ["run", "eval"])
def test_what_is_worked_on_can_be_deleted(tmp_path: Path, what: str) -> None:
    gate = Gate()
    sandbox = ScriptedSandbox([1.0, *[gate] * 9])
    with clients(tmp_path, sandbox=sandbox) as (client,):
        made = make_eval(client, PYTHON)
        rows = [row(str(number), "x") for number in range(10)]
        run = client.evals.runs.create(made.id, data_source=inline(*rows))
        reach(client, run, 1)
        if what == "run":
            gone = client.evals.runs.delete(run.id, eval_id=made.id)
            assert (gone.object, gone.deleted, gone.run_id) == ("eval.run.deleted", True, run.id)
        else:
            client.evals.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            client.evals.runs.retrieve(run.id, eval_id=made.id)
        gate.open()
        other = client.evals.runs.create(make_eval(client).id, data_source=inline(row("a", "a")))
        assert wait(client, other).status == "completed"


def test_a_run_whose_file_goes_away_fails_and_says_so(tmp_path: Path) -> None:
    gate = Gate()
    sandbox = ScriptedSandbox([gate] * 2)
    line = json.dumps(row("x" * 1_100_000, "x")).encode() + b"\n"
    with clients(tmp_path, sandbox=sandbox, eval_concurrency=10) as (client,):
        made = make_eval(client, PYTHON)
        file = client.files.create(file=line * 5, purpose="evals")
        run = client.evals.runs.create(made.id, data_source=stored(file.id))
        while not sandbox.programs:
            pass
        client.files.delete(file.id)
        gate.open()
        run = wait(client, run)
        assert (run.status, run.error.code) == ("failed", "file_deleted")
        assert sum(counts(run)[1:]) == len(items_of(client, run)) < 5


def test_tenants_see_only_their_own(tmp_path: Path) -> None:
    with clients(tmp_path, "alice", "bob") as (alice, bob):
        made = make_eval(alice)
        file = alice.files.create(file=b'{"item": {"answer": "a"}, "sample": "a"}', purpose="evals")
        run = wait(alice, alice.evals.runs.create(made.id, data_source=stored(file.id)))
        (item,) = items_of(alice, run)
        of_run = {"eval_id": made.id}
        refused = [
            lambda: bob.evals.retrieve(made.id),
            lambda: bob.evals.update(made.id, name="mine"),
            lambda: bob.evals.delete(made.id),
            lambda: bob.evals.runs.list(made.id),
            lambda: bob.evals.runs.create(made.id, data_source=inline(row("a", "a"))),
            lambda: bob.evals.runs.retrieve(run.id, **of_run),
            lambda: bob.evals.runs.cancel(run.id, **of_run),
            lambda: bob.evals.runs.delete(run.id, **of_run),
            lambda: bob.evals.runs.output_items.list(run.id, **of_run),
            lambda: bob.evals.runs.output_items.retrieve(item.id, run_id=run.id, **of_run),
            lambda: bob.files.retrieve(file.id),
            lambda: bob.files.content(file.id),
            lambda: bob.files.delete(file.id),
        ]
        for call in refused:
            with pytest.raises(openai.NotFoundError):
                call()
        own = make_eval(bob)
        with pytest.raises(openai.BadRequestError, match="No file"):
            bob.evals.runs.create(own.id, data_source=stored(file.id))
        with pytest.raises(openai.NotFoundError):
            bob.evals.runs.retrieve(run.id, eval_id=own.id)
        with pytest.raises(openai.BadRequestError, match="list after"):
            list(bob.evals.list(after=made.id))
        assert [found.id for found in bob.evals.list()] == [own.id]
        assert list(bob.files.list()) == []
        assert [found.id for found in alice.evals.list()] == [made.id]
        shown = alice.evals.runs.output_items.retrieve(item.id, run_id=run.id, **of_run)
        assert shown.to_dict() == item.to_dict()


def test_a_small_run_does_not_wait_for_a_large_one(tmp_path: Path) -> None:
    """The large run hangs in every place it may have, and the small one still comes through."""
    gate = Gate()
    sandbox = ScriptedSandbox([gate] * 50)
    with clients(tmp_path, "large", "small", sandbox=sandbox, eval_concurrency=8) as (one, two):
        rows = [row(str(number), "x") for number in range(50)]
        large = one.evals.runs.create(make_eval(one, PYTHON).id, data_source=inline(*rows))
        while len(sandbox.programs) < 6:
            pass
        small = two.evals.runs.create(make_eval(two).id, data_source=inline(*rows))
        assert counts(wait(two, small)) == (50, 0, 50, 0)
        assert len(sandbox.programs) == 6
        gate.open()
        assert counts(wait(one, large)) == (50, 50, 0, 0)


def test_what_the_sandbox_cannot_do_is_an_error_of_that_row_alone(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox([0.4, SandboxUnavailable("it is away"), 0.5])
    with clients(tmp_path, sandbox=sandbox, eval_concurrency=1) as (client,):
        made = make_eval(client, PYTHON)
        rows = [row(str(number), "x") for number in range(3)]
        run = wait(client, client.evals.runs.create(made.id, data_source=inline(*rows)))
        assert counts(run) == (3, 1, 1, 1)
        assert [(item.status, item.results[0].score) for item in items_of(client, run)] == [
            ("fail", 0.4),
            ("error", 0.0),
            ("pass", 0.5),
        ]
        assert "away" in items_of(client, run, status="error")[0].results[0].error


def test_judges_leave_their_words_and_their_tokens(tmp_path: Path) -> None:
    ranged = {**SCORE_MODEL, "range": [1, 7], "sampling_params": None}
    labelled = {**LABEL_MODEL, "input": [{"role": "user", "content": "polite {{item.answer}}"}]}
    mixed = {**MULTI, "graders": {**MULTI["graders"], "judged": SCORE_MODEL}, "name": "mixed"}
    mixed |= {"calculate_output": "(exact + near + judged) / 3", "pass_threshold": 0.9}

    def oblige(received: Received) -> Answer:
        form = received.body["response_format"]["json_schema"]["schema"]["properties"]["result"]
        return verdict("polite") if "enum" in form else verdict(4)

    with (
        serving_upstream(default=oblige) as upstream,
        clients(tmp_path, llm_base_url=upstream.base_url) as (client,),
    ):
        made = make_eval(client, ranged, labelled, mixed)
        run = client.evals.runs.create(made.id, data_source=inline(row("Paris", "Paris")))
        run = wait(client, run)
        assert counts(run) == (1, 1, 0, 0)
        (usage,) = (part.to_dict() for part in run.per_model_usage)
        assert usage == {
            "model_name": "judge-2025-01-01",
            "invocation_count": 3,
            "prompt_tokens": 300,
            "completion_tokens": 60,
            "cached_tokens": 120,
            "total_tokens": 360,
        }
        (item,) = items_of(client, run)
        scored, label, multi = item.results
        assert (scored.score, label.score, multi.score) == (4.0, 1.0, 1.0)
        assert scored.sample["input"] == [{"role": "user", "content": "How good is Paris?"}]
        assert json.loads(scored.sample["output"][0]["content"])["result"] == 4
        assert (scored.sample["model"], scored.sample["max_completions_tokens"]) == (
            "judge-2025-01-01",
            4096,
        )
        assert multi.sample is None
        first, _, _ = made.testing_criteria
        assert first.to_dict()["input"][0]["type"] == "message"


@pytest.mark.parametrize("kind", ["completions", "responses"])
def test_outputs_are_sampled_and_what_fails_is_told(tmp_path: Path, kind: str) -> None:
    def say(received: Received) -> Answer:
        text = json.dumps(received.body)
        if "Narnia" in text:
            return error(400, "no such country")
        if kind == "completions":
            return completion("Paris" if "France" in text else "Rome")
        answer = {"type": "output_text", "text": "Paris" if "France" in text else "Rome"}
        message = {"type": "message", "role": "assistant", "content": [answer]}
        usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
        body = {"id": "resp", "object": "response", "model": "judge-2025-01-01"}
        return Answer(body=body | {"status": "completed", "output": [message], "usage": usage})

    rows = [{"item": {"country": name, "answer": "Paris"}} for name in ("France", "Italy")]
    rows += [{"item": {"country": "Narnia", "answer": "Paris"}}, {"item": {"answer": "Paris"}}]
    question = {"role": "user", "content": "Capital of {{item.country}}?"}
    data_source = inline(
        *rows,
        type=kind,
        model="qwen3-8b",
        input_messages={"type": "template", "template": [question]},
        sampling_params={"temperature": 0.5, "max_completions_tokens": 64},
    )
    with (
        serving_upstream(default=say) as upstream,
        clients(tmp_path, llm_base_url=upstream.base_url) as (client,),
    ):
        made = make_eval(client)
        run = client.evals.runs.create(made.id, data_source=data_source)
        assert run.model == "qwen3-8b"
        assert run.data_source.input_messages.template[0].type == "message"
        run = wait(client, run)
        assert counts(run) == (4, 1, 1, 2)
        france, italy, narnia, nowhere = items_of(client, run)
        assert france.sample.output[0].content == "Paris"
        assert france.sample.input[0].content == "Capital of France?"
        assert (france.sample.usage.total_tokens, france.sample.temperature) == (120, 0.5)
        assert italy.results[0].passed is False
        assert [item.status for item in (narnia, nowhere)] == ["error", "error"]
        assert "no such country" in narnia.results[0].error
        assert "country" in nowhere.results[0].error
        assert narnia.sample.error.code == "sample_rejected"
        assert narnia.results[0].name == made.testing_criteria[0].id
        (usage,) = run.per_model_usage
        assert (usage.invocation_count, usage.total_tokens) == (2, 240)


def test_endpoint_graders_are_criteria_and_their_keys_stay_secret(tmp_path: Path) -> None:
    planted = "planted-secret"
    with (
        serving_upstream(Answer(body={"score": 0.75})) as scorer,
        clients(tmp_path, endpoint_hosts=scorer.root) as (client,),
    ):
        endpoint = {
            "type": "endpoint",
            "name": "remote",
            "url": f"{scorer.root}/grade",
            "headers": {"x-functions-key": planted},
        }
        made = client.evals.with_raw_response.create(
            data_source_config={"type": "custom", "item_schema": {}},
            testing_criteria=[{**endpoint, "rate_limit": None}],
        )
        assert planted not in made.text
        echo = json.loads(made.text)["testing_criteria"][0]
        assert (echo["headers"], echo["grdr_id"]) == ({"x-functions-key": "**********"}, None)
        eval_id = made.parse().id
        run = client.evals.runs.create(eval_id, data_source=inline(row("a", {"output_text": "b"})))
        run = wait(client, run)
        assert counts(run) == (1, 1, 0, 0)
        assert scorer.received[0].headers["x-functions-key"] == planted
        assert scorer.received[0].body["sample"] == {"output_text": "b"}
        shown = client.evals.runs.with_raw_response.retrieve(run.id, eval_id=eval_id).text
        assert planted not in shown


def test_metrics_tell_of_runs(tmp_path: Path) -> None:
    with clients(tmp_path) as (client,):
        made = make_eval(client, STRING_CHECK)
        rows = [row("a", "a"), row("a", "b"), row("a")]
        wait(client, client.evals.runs.create(made.id, data_source=inline(*rows)))
        text = httpx.get(str(client.base_url).replace("/v1/", "/metrics")).text
    for line in (
        'grader_runs_ended_total{status="completed"} 1.0',
        'grader_run_rows_total{outcome="passed"} 1.0',
        'grader_run_rows_total{outcome="failed"} 1.0',
        'grader_run_rows_total{outcome="errored"} 1.0',
        'grader_requests_total{route="runs_create",status="201"} 1.0',
    ):
        assert line in text
