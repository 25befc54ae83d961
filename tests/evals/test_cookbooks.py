"""What the vendor's worked examples do with evals, in our own words: every call of the stock SDK, against a model that makes mistakes."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from grader_service.settings import Settings
from tests.evals.asking import counts, inline, items_of
from tests.fakes.upstream import (
    Answer,
    FakeUpstream,
    Received,
    completion,
    obliging,
    response,
    serving_upstream,
    tool_call,
)
from tests.serving import serving

MODEL = "gpt-4.1-mini"


def apprentice(request: Received) -> Answer:
    """Answers a prompt by what is in it; a judge's question in the form that it asks for."""
    body = request.body
    if request.path.endswith("/score"):
        return Answer(body={"score": float(len(body["sample"]["output_text"]) > 3)})
    if request.path.endswith("/responses"):
        return response(_say(json.dumps(body["input"])))
    form = body.get("response_format", {}).get("json_schema", {})
    if "result" in form.get("schema", {}).get("properties", {}):
        return obliging(request)
    said = json.dumps(body["messages"][-1])
    if body.get("tools"):
        name = body["tools"][0]["function"]["name"]
        words = [word.strip('".,}') for word in said.split() if word.strip('".,}').isupper()]
        return completion(None, tool_calls=[tool_call(name, {"symbols": words})])
    if form:
        return completion(json.dumps({"title": "A recipe", "quality": said.count("good") * 2 + 1}))
    return completion(_say(said))


def _say(prompt: str) -> str:
    for word, answer in (
        ("cat.png", "a cat"),
        ("dog.png", "a dog"),
        ("printer", "Hardware"),
        ("licence", "Software"),
        ("refund", "It was refunded."),
    ):
        if word in prompt:
            return answer
    return "Other"


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with serving_upstream(default=apprentice) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def server(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("data")
    settings = Settings(
        sandbox="bubblewrap",
        llm_base_url=upstream.base_url,
        endpoint_hosts=upstream.root,
        log_level="error",
        data_dir=folder,
    )
    with serving(settings) as address:
        yield address


@pytest.fixture
def client(server: str, upstream: FakeUpstream) -> Iterator[openai.OpenAI]:
    upstream.received.clear()
    with openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as client:
        yield client


def evaluated(
    client: openai.OpenAI,
    criteria: list[dict[str, Any]],
    data_source: dict[str, Any],
    schema: dict[str, Any] | None = None,
) -> tuple[Any, list[Any]]:
    """The run as the examples wait for it, and its output items."""
    made = client.evals.create(
        name="worked example",
        data_source_config={
            "type": "custom",
            "item_schema": schema or {"type": "object", "properties": {}},
            "include_sample_schema": True,
        },
        testing_criteria=criteria,
    )
    run = client.evals.runs.create(made.id, name="first try", data_source=data_source)
    end = time.monotonic() + 60
    while run.status not in ("completed", "failed"):
        assert time.monotonic() < end
        time.sleep(0.05)
        run = client.evals.runs.retrieve(run_id=run.id, eval_id=made.id)
    assert run.status == "completed", run.error
    return run, items_of(client, run)


def sampled(
    items: list[dict[str, Any]],
    messages: Any,
    kind: str = "completions",
    **params: Any,
) -> dict[str, Any]:
    """A data source that asks the model for each item; `messages` is a template, or where the item has them."""
    named = (
        {"type": "item_reference", "item_reference": messages}
        if isinstance(messages, str)
        else {"type": "template", "template": messages}
    )
    content = [{"item": item} for item in items]
    return {
        "type": kind,
        "model": MODEL,
        "source": {"type": "file_content", "content": content},
        "input_messages": named,
        **({"sampling_params": params} if params else {}),
    }


TICKETS = [
    {"ticket_text": "My printer is on fire", "correct_label": "Hardware"},
    {"ticket_text": "The printer driver needs an update", "correct_label": "Software"},
    {"ticket_text": "My licence has run out", "correct_label": "Software"},
    {"ticket_text": "Where is the canteen?", "correct_label": "Other"},
]
INSTRUCTIONS = [
    {"role": "developer", "content": "Say Hardware, Software or Other, and nothing else."},
    {"role": "user", "content": "{{ item.ticket_text }}"},
]
RIGHT_LABEL = {
    "type": "string_check",
    "name": "Match output to human label",
    "input": "{{ sample.output_text }}",
    "operation": "eq",
    "reference": "{{ item.correct_label }}",
}


def test_tickets_from_a_file_with_a_prompt_template(
    client: openai.OpenAI, upstream: FakeUpstream
) -> None:
    lines = "".join(json.dumps({"item": ticket}) + "\n" for ticket in TICKETS)
    file = client.files.create(file=("tickets.jsonl", lines.encode()), purpose="evals")
    data_source = sampled([], INSTRUCTIONS) | {"source": {"type": "file_id", "id": file.id}}
    run, items = evaluated(client, [RIGHT_LABEL], data_source)
    assert counts(run) == (4, 3, 1, 0)
    assert [each.results[0].passed for each in items] == [True, False, True, True]
    criterion = run.per_testing_criteria_results[0]
    assert (criterion.passed, criterion.failed) == (3, 1)
    assert criterion.testing_criteria.startswith("Match output to human label-")
    assert items[1].results[0].name == criterion.testing_criteria
    assert items[1].sample.output[0].content == "Hardware"
    assert [part.content for part in items[1].sample.input][-1] == TICKETS[1]["ticket_text"]
    assert run.per_model_usage[0].invocation_count == 4
    assert run.model == MODEL
    assert run.report_url.startswith("http://")
    assert [message["role"] for message in upstream.prompts()[0]] == ["developer", "user"]


def test_structured_output_on_a_scale_of_seven(
    client: openai.OpenAI, upstream: FakeUpstream
) -> None:
    form = {
        "type": "json_schema",
        "json_schema": {
            "name": "recipe",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"title": {"type": "string"}, "quality": {"type": "number"}},
                "required": ["title", "quality"],
                "additionalProperties": False,
            },
        },
    }
    judge = {
        "type": "score_model",
        "name": "Recipe judge",
        "model": "gpt-4o",
        "input": [
            {"role": "developer", "content": "Score from 1 to 7."},
            {"role": "user", "content": "{{sample.output_json.title}} {{item.of}} score: {{sample.output_json.quality}}"},
        ],
        "range": [1, 7],
        "pass_threshold": 5.5,
    }  # fmt: skip
    texts = ["", "good", "good good", "good good good"]
    data_source = sampled(
        [{"of": text or "nothing"} for text in texts],
        [{"role": "user", "content": "A recipe of {{item.of}}"}],
        response_format=form,
        max_completions_tokens=2048,
        seed=42,
        temperature=0.7,
    )
    run, items = evaluated(client, [judge], data_source)
    assert [each.results[0].score for each in items] == [1.0, 3.0, 5.0, 7.0]
    assert [each.results[0].passed for each in items] == [False, False, False, True]
    asked = [request.body for request in upstream.received if request.body["model"] == MODEL]
    assert all(body["response_format"] == form for body in asked)
    assert {(body["seed"], body["temperature"]) for body in asked} == {(42, 0.7)}
    told = run.data_source.to_dict()["sampling_params"]
    assert told["max_completions_tokens"] == 2048
    assert {body.get("max_completion_tokens", body.get("max_tokens")) for body in asked} == {2048}
    transcript = items[3].results[0].to_dict()["sample"]
    assert "good good good score: 7" in json.dumps(transcript)


def test_arguments_of_a_tool_call(client: openai.OpenAI) -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "get_symbols",
            "parameters": {
                "type": "object",
                "properties": {"symbols": {"type": "array", "items": {"type": "string"}}},
            },
        },
    }
    criterion = {
        "type": "string_check",
        "name": "symbols",
        "input": "{{sample.output_tools[0].function.arguments.symbols}}",
        "operation": "eq",
        "reference": "{{item.symbols}}",
    }
    data_source = sampled(
        [
            {"question": "Compare ACME with INITECH", "symbols": ["ACME", "INITECH"]},
            {"question": "What of HOOLI today?", "symbols": ["ACME"]},
        ],
        [{"role": "user", "content": "{{item.question}}"}],
        tools=[tool],
    )
    _, items = evaluated(client, [criterion], data_source)
    assert [each.results[0].passed for each in items] == [True, False]
    call = items[0].to_dict()["sample"]["output"][0]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == {"symbols": ["ACME", "INITECH"]}


def test_images_for_the_model_and_for_the_judge(
    client: openai.OpenAI, upstream: FakeUpstream
) -> None:
    picture = {"type": "input_image", "image_url": "{{ item.image }}", "detail": "auto"}
    asking = [
        {"role": "system", "content": "Say what you see."},
        {
            "role": "user",
            "type": "message",
            "content": [{"type": "input_text", "text": "What is this?"}, picture],
        },
    ]
    judge = {
        "type": "score_model",
        "name": "seen",
        "model": "gpt-4o",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "{{sample.output_text}} score: {{item.mark}}"},
                    picture,
                ],
            }
        ],
        "range": [0, 1],
        "pass_threshold": 0.5,
    }
    images = [f"https://images.example.com/{name}.png" for name in ("cat", "dog")]
    items = [{"image": url, "mark": mark} for mark, url in enumerate(images)]
    _, found = evaluated(client, [judge], sampled(items, asking))
    assert [each.sample.output[0].content for each in found] == ["a cat", "a dog"]
    assert [each.results[0].score for each in found] == [0.0, 1.0]
    for request in upstream.received:
        parts = request.body["messages"][-1]["content"]
        assert parts[1]["image_url"]["url"] in images
    assert any(images[0] in (part.content or "") for part in found[0].sample.input)


def test_conversations_that_the_items_bring(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    conversation = [
        {"role": "system", "content": "You answer for a shop."},
        {"role": "user", "content": "Where is my order?"},
        {"role": "assistant", "content": None, "tool_calls": [tool_call("look", {"order": 7})]},
        {"role": "tool", "tool_call_id": "call_1", "content": "a refund was paid"},
    ]
    criterion = {
        "type": "string_check",
        "name": "told",
        "input": "{{sample.output_text}}",
        "operation": "ilike",
        "reference": "{{item.expected}}",
    }
    items = [{"messages": conversation, "expected": "refunded"}]
    _, found = evaluated(client, [criterion], sampled(items, "item.messages"))
    assert found[0].results[0].passed
    assert upstream.prompts()[0] == conversation
    assert found[0].sample.output[0].content == "It was refunded."


def test_marks_of_five_and_a_scorer_elsewhere(
    client: openai.OpenAI, upstream: FakeUpstream
) -> None:
    marks = {
        "type": "python",
        "name": "marks",
        "source": "def grade(sample, item):\n    return min(5.0, float(len(sample['output_text'])))\n",
        "pass_threshold": 5.0,
    }
    elsewhere = {
        "type": "endpoint",
        "name": "elsewhere",
        "url": f"{upstream.root}/score",
        "headers": {"X-Functions-Key": "secret"},
        "pass_threshold": 1.0,
    }
    rows = [
        {"item": {"n": n}, "sample": {"output_text": text, "choices": []}}
        for n, text in enumerate(("abc", "abcd", "abcdefgh"))
    ]
    run, items = evaluated(client, [marks, elsewhere], inline(*rows))
    assert [[result.score for result in each.results] for each in items] == [
        [3.0, 0.0],
        [4.0, 1.0],
        [5.0, 1.0],
    ]
    assert [each.status for each in items] == ["fail", "fail", "pass"]
    assert counts(run) == (3, 1, 2, 0)
    passed = {each.testing_criteria[:5]: each.passed for each in run.per_testing_criteria_results}
    assert passed == {"marks": 1, "elsew": 2}


def test_through_the_responses_api(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    form = {
        "format": {
            "type": "json_schema",
            "name": "label",
            "strict": True,
            "schema": {"type": "object", "properties": {}, "additionalProperties": False},
        }
    }
    data_source = sampled(TICKETS, INSTRUCTIONS, "responses", text=form, temperature=0.2)
    run, items = evaluated(client, [RIGHT_LABEL], data_source)
    assert counts(run) == (4, 3, 1, 0)
    assert [each.results[0].passed for each in items] == [True, False, True, True]
    assert {request.path for request in upstream.received} == {"/v1/responses"}
    assert all(request.body["text"] == form for request in upstream.received)


def test_a_brace_too_few_is_told_with_its_place(client: openai.OpenAI) -> None:
    """One of the published examples has it; its author sees a 400 that says what to write."""
    judge = {
        "type": "label_model",
        "name": "labelled",
        "model": "gpt-4o",
        "input": [{"role": "user", "content": "{{item.question}} {{sample.output_text}"}],
        "labels": ["right", "wrong"],
        "passing_labels": ["right"],
    }
    with pytest.raises(openai.BadRequestError, match="is not closed") as caught:
        evaluated(client, [judge], inline({"item": {"question": "x"}, "sample": "y"}))
    assert caught.value.param == "testing_criteria[0].input[0].content"


def test_two_prompts_are_compared_by_runs_of_one_eval(client: openai.OpenAI) -> None:
    """A second run with another prompt, then the failures of each, and the list of both."""
    run, _ = evaluated(client, [RIGHT_LABEL], sampled(TICKETS, INSTRUCTIONS))
    shouting = [{"role": "user", "content": "{{item.ticket_text}} licence"}]
    second = client.evals.runs.create(run.eval_id, data_source=sampled(TICKETS[1:3], shouting))
    while second.status not in ("completed", "failed"):
        time.sleep(0.05)
        second = client.evals.runs.retrieve(second.id, eval_id=run.eval_id)
    listed = list(client.evals.runs.list(run.eval_id, status="completed"))
    assert [each.id for each in listed] == [run.id, second.id]
    wrong = [each.datasource_item["ticket_text"] for each in items_of(client, run, status="fail")]
    assert wrong == [TICKETS[1]["ticket_text"]]
    assert counts(second)[1:] == (1, 1, 0)
