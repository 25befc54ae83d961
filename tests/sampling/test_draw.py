"""What graders see of an output, and what the run's readers do."""

import asyncio
from typing import Any

import pytest

from grader_service.errors import Usage
from grader_service.judge.sampler import Sampler
from grader_service.sampling.draw import Drawn, draw
from grader_service.sampling.source import parse
from tests.fakes import upstream as fake
from tests.fakes.sampler import ScriptedSampler, said
from tests.fakes.upstream import serving_upstream
from tests.sampling.drawing import MODEL, drawn, sampling, source

TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


async def test_a_text_has_every_key_of_the_namespace() -> None:
    with serving_upstream(fake.completion("hello")) as upstream:
        result = await drawn(upstream, source())
    message = {
        "role": "assistant",
        "content": "hello",
        "refusal": None,
        "tool_calls": [],
        "function_call": None,
    }
    assert result.sample == {
        "model": fake.MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "output_text": "hello",
        "output_json": None,
        "output_tools": [],
        "output_reasoning_summary": None,
        "output_audio": None,
        "input_tools": [],
    }
    assert (result.model, result.usage) == (fake.MODEL, Usage(100, 20, 120, 40))


async def test_the_transcript_has_the_prompt_the_answer_and_the_settings_in_the_hosted_form() -> (
    None
):
    with serving_upstream(fake.completion("hello")) as upstream:
        result = await drawn(upstream, source())
    assert dict(result.transcript) == {
        "input": [{"role": "user", "content": "Say hello"}],
        "output": [{"role": "assistant", "content": "hello"}],
        "finish_reason": "stop",
        "model": fake.MODEL,
        "usage": {
            "total_tokens": 120,
            "completion_tokens": 20,
            "prompt_tokens": 100,
            "cached_tokens": 40,
        },
        "error": None,
        "seed": None,
        "temperature": 1.0,
        "top_p": 1.0,
        "reasoning_effort": None,
        "max_completions_tokens": 4096,
        "max_completion_tokens": 4096,
    }


async def test_the_model_is_sent_the_messages_and_the_hosted_defaults_and_nothing_else() -> None:
    with serving_upstream(fake.completion("hello")) as upstream:
        await drawn(upstream, source())
    (request,) = upstream.received
    assert request.path == "/v1/chat/completions"
    assert request.body == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Say hello"}],
        "temperature": 1.0,
        "top_p": 1.0,
        "max_tokens": 4096,
    }


@pytest.mark.parametrize("limit", ["max_completion_tokens", "max_completions_tokens"])
async def test_all_sampling_params_reach_the_model(limit: str) -> None:
    response_format = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
    }
    params = {"temperature": 0.2, "top_p": 0.9, "seed": 42, limit: 77, "tools": [TOOL]}
    definition = source(sampling_params=params | {"response_format": response_format})
    with serving_upstream(fake.completion('{"a": 1}')) as upstream:
        result = await drawn(upstream, definition)
    (request,) = upstream.received
    assert request.body | {"messages": []} == {
        "model": MODEL,
        "messages": [],
        "temperature": 0.2,
        "top_p": 0.9,
        "seed": 42,
        "max_tokens": 77,
        "tools": [TOOL],
        "response_format": response_format,
    }
    assert result.sample["output_json"] == {"a": 1}
    assert result.sample["input_tools"] == [TOOL]
    assert result.transcript["seed"] == 42
    assert result.transcript["max_completion_tokens"] == 77
    assert result.transcript["max_completions_tokens"] == 77


async def test_a_reasoning_model_gets_its_effort_and_no_temperature() -> None:
    params = {"reasoning_effort": "low", "temperature": 0.5, "max_completion_tokens": 50}
    definition = source(model="o4-mini", sampling_params=params)
    with serving_upstream(fake.completion("hello")) as upstream:
        async with sampling(upstream) as sampler:
            warnings = parse(definition).check(sampler)
            await draw(parse(definition), {"word": "hi"}, sampler)
    (request,) = upstream.received
    assert {key: value for key, value in request.body.items() if key != "messages"} == {
        "model": "o4-mini",
        "reasoning_effort": "low",
        "max_completion_tokens": 50,
    }
    assert warnings == ["sampling_params.temperature is not sent to o4-mini"]


async def test_the_flat_spellings_of_responses_are_translated_for_chat() -> None:
    flat = {"type": "function", "name": "add", "parameters": {"type": "object"}, "strict": True}
    text = {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA}}
    definition = source(sampling_params={"tools": [flat], "text": text})
    with serving_upstream(fake.completion("hello")) as upstream:
        result = await drawn(upstream, definition)
    (request,) = upstream.received
    function = {"name": "add", "parameters": {"type": "object"}, "strict": True}
    assert request.body["tools"] == [{"type": "function", "function": function}]
    assert request.body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA},
    }
    assert result.sample["input_tools"] == [flat]


async def test_tool_calls_are_in_the_sample_as_the_chat_format_has_them() -> None:
    call = fake.tool_call("add", {"a": 1})
    answer = fake.completion(None, tool_calls=[call], finish_reason="tool_calls")
    with serving_upstream(answer) as upstream:
        result = await drawn(upstream, source(sampling_params={"tools": [TOOL]}))
    assert result.sample["output_tools"] == [call]
    assert result.sample["choices"][0]["message"]["tool_calls"] == [call]
    assert result.sample["choices"][0]["finish_reason"] == "tool_calls"
    assert result.sample["output_text"] == ""
    assert result.transcript["output"] == [
        {"role": "assistant", "content": "", "tool_calls": [call]}
    ]


async def test_arguments_that_a_server_sends_as_an_object_become_the_text_that_graders_expect() -> (
    None
):
    call = {"function": {"name": "add", "arguments": {"a": "é"}}}
    with serving_upstream(fake.completion(None, tool_calls=[call])) as upstream:
        result = await drawn(upstream, source())
    assert result.sample["output_tools"] == [
        {"id": "call_0", "type": "function", "function": {"name": "add", "arguments": '{"a": "é"}'}}
    ]


@pytest.mark.parametrize(
    ("answer", "text", "finish_reason"),
    [
        (fake.completion("half a sen", finish_reason="length"), "half a sen", "length"),
        (fake.completion(None, finish_reason="length"), "", "length"),
        (
            fake.completion([{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]),
            "in parts",
            "stop",
        ),
    ],
)
async def test_what_the_model_said_is_graded_as_it_is(
    answer: fake.Answer, text: str, finish_reason: str
) -> None:
    with serving_upstream(answer) as upstream:
        result = await drawn(upstream, source())
    assert result.sample["output_text"] == text
    assert result.transcript["finish_reason"] == finish_reason
    assert result.transcript["output"] == [{"role": "assistant", "content": text}]


async def test_a_refusal_is_an_output() -> None:
    with serving_upstream(fake.refusal()) as upstream:
        result = await drawn(upstream, source())
    assert result.sample["output_text"] == ""
    assert result.sample["choices"][0]["message"]["refusal"] == "I cannot judge that."
    assert result.transcript["output"][0]["refusal"] == "I cannot judge that."


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
async def test_what_local_servers_tell_of_the_thinking_is_the_summary(key: str) -> None:
    with serving_upstream(fake.completion("4", **{key: "2 and 2"})) as upstream:
        result = await drawn(upstream, source())
    assert result.sample["output_reasoning_summary"] == "2 and 2"
    assert result.sample["output_text"] == "4"


async def test_a_spoken_answer_has_its_sound_and_its_transcript_as_text() -> None:
    audio = {"id": "audio_1", "data": "UklGRg==", "transcript": "valid", "expires_at": 1}
    with serving_upstream(fake.completion(None, audio=audio)) as upstream:
        result = await drawn(upstream, source(modalities=["audio", "text"]))
    (request,) = upstream.received
    assert request.body["modalities"] == ["audio", "text"]
    assert request.body["audio"]["format"] == "wav"
    assert result.sample["output_audio"] == audio
    assert result.sample["output_text"] == "valid"
    assert result.transcript["output"] == [{"role": "assistant", "content": "valid"}]


@pytest.mark.parametrize(
    ("text", "value"),
    [("[1]", [1]), (' {"a": 1}\n', {"a": 1}), ("42", None), ('"x"', None), ("{oops}", None)],
)
async def test_output_json_is_there_for_objects_and_arrays(text: str, value: Any) -> None:
    result = await draw(parse(source()), {"word": "x"}, ScriptedSampler([text]))
    assert result.sample["output_json"] == value


async def test_what_a_model_says_is_no_template() -> None:
    """The item's text is not scanned either, so a row cannot read another key of its own."""
    with serving_upstream(fake.completion("{{item.secret}} {{sample.output_text}}")) as upstream:
        result = await drawn(upstream, source(), {"word": "{{item.secret}}", "secret": "s3cret"})
    assert upstream.prompts() == [[{"role": "user", "content": "Say {{item.secret}}"}]]
    assert result.sample["output_text"] == "{{item.secret}} {{sample.output_text}}"
    assert "s3cret" not in repr(result)


async def _draws(sampler: Sampler, definition: dict[str, Any], n: int) -> list[Drawn]:
    row = {"word": "hello"}
    draws = (draw(parse(definition), row, sampler, repeat=repeat) for repeat in range(n))
    return list(await asyncio.gather(*draws))


async def test_draws_of_one_row_are_neither_shared_nor_kept() -> None:
    answers = [fake.slow(0.05, fake.completion(str(n))) for n in range(8)]
    settings = {"judge_cache": "memory", "judge_single_flight": "identical"}
    with serving_upstream(*answers) as upstream:
        async with sampling(upstream, **settings) as sampler:
            first = await _draws(sampler, source(), 4)
            again = await _draws(sampler, source(), 4)
    texts = [result.sample["output_text"] for result in first + again]
    assert sorted(texts) == [str(n) for n in range(8)]
    assert upstream.most_at_once == 4


async def test_with_a_seed_each_draw_has_one_of_its_own() -> None:
    with serving_upstream(default=fake.completion("x")) as upstream:
        async with sampling(upstream) as sampler:
            results = await _draws(sampler, source(sampling_params={"seed": 7}), 3)
    assert sorted(request.body["seed"] for request in upstream.received) == [7, 8, 9]
    assert [result.transcript["seed"] for result in results] == [7, 8, 9]


async def test_an_image_is_told_as_its_address_and_bytes_are_cut() -> None:
    content = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "{{item.url}}"},
        {"type": "input_image", "image_url": "data:image/png;base64,{{item.data}}"},
        {"type": "input_audio", "input_audio": {"data": "{{item.data}}", "format": "wav"}},
    ]
    item = {"url": "https://example.com/a.png", "data": "A" * 5000}
    sampler = ScriptedSampler([said("a dog")])
    result = await draw(parse(source({"role": "user", "content": content})), item, sampler)
    told = result.transcript["input"]
    assert [message["role"] for message in told] == ["user"] * 4
    assert told[0]["content"] == "What is this?"
    assert told[1]["content"] == "<image>https://example.com/a.png</image>"
    assert told[2]["content"].endswith("… (5,022 characters)</image>")
    assert told[3]["content"].endswith("… (5,005 characters)</audio>")
    assert len(repr(told)) < 1500
    assert sampler.prompts[0].messages[0]["content"][2]["image_url"]["url"].endswith("A" * 5000)
