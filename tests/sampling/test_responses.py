"""The data source `responses`: by /responses where the upstream has it, else by /chat/completions in translation."""

from pathlib import Path
from typing import Any

import pytest

from grader_service.errors import (
    CannotGrade,
    RequestRefused,
    SampleFiltered,
    SampleRejected,
    SampleUnavailable,
    Usage,
)
from grader_service.sampling.draw import Drawn, draw
from grader_service.sampling.source import parse
from tests.fakes import upstream as fake
from tests.fakes.upstream import FakeUpstream, serving_upstream
from tests.sampling.drawing import MODEL, drawn, file, referring, sampling, source

SOON = {"retry-after-ms": "20"}
FUNCTION = {"type": "function", "name": "add", "parameters": {"type": "object"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed"}


def asking(**fields: Any) -> dict[str, Any]:
    return source(type="responses", **fields)


async def native(*output: Any, definition: Any = None, **rest: Any) -> tuple[Drawn, Any]:
    """A draw by /responses, and the body that the upstream got."""
    with serving_upstream(fake.response(*output, **rest)) as upstream:
        result = await drawn(upstream, definition or asking())
    (request,) = upstream.received
    assert request.path == "/v1/responses"
    return result, request.body


async def test_a_text_by_the_responses_api() -> None:
    result, body = await native("hello")
    assert body == {
        "model": MODEL,
        "input": [{"type": "message", "role": "user", "content": "Say hello"}],
        "temperature": 1.0,
        "top_p": 1.0,
        "max_output_tokens": 4096,
        "store": False,
    }
    assert result.sample["output_text"] == "hello"
    assert result.sample["choices"][0]["finish_reason"] == "stop"
    assert result.usage == Usage(100, 20, 120, 40)
    assert result.model == fake.MODEL


async def test_params_are_spelled_for_the_responses_api_whichever_way_they_came() -> None:
    nested = {"type": "function", "function": {"name": "sub", "parameters": {}}}
    response_format = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
    }
    params = {"tools": [FUNCTION, nested], "response_format": response_format, "seed": 5}
    result, body = await native("hello", definition=asking(sampling_params=params))
    assert body["tools"] == [FUNCTION, {"type": "function", "name": "sub", "parameters": {}}]
    schema = {"type": "json_schema", "name": "answer", "strict": True, "schema": SCHEMA}
    assert body["text"] == {"format": schema}
    assert "seed" not in body
    assert result.transcript["seed"] is None


async def test_a_reasoning_model_by_the_responses_api() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [
        {"type": "summary_text", "text": "first"}, {"type": "summary_text", "text": "then"}]}  # fmt: skip
    params = {"reasoning_effort": "low"}
    definition = asking(model="o4-mini", sampling_params=params)
    result, body = await native(thought, "4", definition=definition)
    assert body["reasoning"] == {"effort": "low"}
    assert "temperature" not in body
    assert result.sample["output_reasoning_summary"] == "first\n\nthen"


async def test_the_thoughts_of_a_local_model_stand_in_for_their_summary() -> None:
    thought = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}  # fmt: skip
    result, _ = await native(thought, "4")
    assert result.sample["output_reasoning_summary"] == "hm"
    assert result.sample["output_text"] == "4"


async def test_function_calls_are_told_in_the_chat_form() -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "add", "arguments": '{"a": 1}'}  # fmt: skip
    result, _ = await native(call)
    assert result.sample["output_tools"] == [fake.tool_call("add", {"a": 1})]
    assert result.sample["choices"][0]["message"]["tool_calls"] == result.sample["output_tools"]
    assert result.sample["choices"][0]["finish_reason"] == "tool_calls"
    assert result.transcript["output"][0]["tool_calls"][0]["function"]["arguments"] == '{"a": 1}'


@pytest.mark.parametrize(
    ("output", "rest", "text", "finish_reason"),
    [
        (["half"], {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "half", "length"),
        ([], {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "", "length"),
        (["a ", "b"], {}, "a b", "stop"),
    ],
)  # fmt: skip
async def test_what_the_model_said_is_graded_as_it_is(
    output: list[Any], rest: dict[str, Any], text: str, finish_reason: str
) -> None:
    result, _ = await native(*output, **rest)
    assert result.sample["output_text"] == text
    assert result.transcript["finish_reason"] == finish_reason


async def test_a_refusal_is_an_output() -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}  # fmt: skip
    result, _ = await native(said)
    assert result.sample["choices"][0]["message"]["refusal"] == "No."
    assert result.sample["output_text"] == ""


CONVERSATION = [
    {"role": "developer", "content": "Be kind"},
    {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]},
    {"role": "assistant", "content": "So", "tool_calls": [fake.tool_call("add", {"a": 1})]},
    {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "!"}]},
    {"role": "assistant", "content": [{"type": "output_text", "text": "x"}, {"type": "output_text", "text": "y"}]},
]  # fmt: skip


async def test_a_conversation_with_tool_turns_becomes_items() -> None:
    with serving_upstream(fake.response("hello")) as upstream:
        await drawn(upstream, referring(type="responses"), {"messages": CONVERSATION})
    look = {"type": "input_text", "text": "look"}
    image = {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"}
    assert upstream.received[0].body["input"] == [
        {"type": "message", "role": "developer", "content": "Be kind"},
        {"type": "message", "role": "user", "content": [look, image]},
        {"type": "message", "role": "assistant", "content": "So"},
        {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "1!"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "x"}, {"type": "output_text", "text": "y"}],
        },
    ]


NO_RESPONSES = [
    fake.no_route(),
    fake.error(405),
    fake.error(501, "not implemented"),
    fake.error(400, "The model does not support Responses API"),
]


@pytest.mark.parametrize("no_route", NO_RESPONSES)
async def test_an_upstream_that_knows_only_chat_is_asked_in_translation_and_once_in_vain(
    no_route: fake.Answer,
) -> None:
    params = {"tools": [FUNCTION], "seed": 5}
    script = [no_route, fake.completion("one"), fake.completion("two")]
    with serving_upstream(*script) as upstream:
        async with sampling(upstream) as sampler:
            draws = [
                await draw(parse(asking(sampling_params=params)), {"word": "x"}, sampler)
                for _ in range(2)
            ]
    assert [result.sample["output_text"] for result in draws] == ["one", "two"]
    assert [request.path for request in upstream.received] == [
        "/v1/responses",
        "/v1/chat/completions",
        "/v1/chat/completions",
    ]
    body = upstream.received[1].body
    assert body["tools"] == [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]  # fmt: skip
    assert (body["seed"], body["max_tokens"]) == (5, 4096)


async def test_a_model_that_is_not_there_is_not_taken_for_an_api_that_is_not_there() -> None:
    missing = fake.error(404, "no such model", code="model_not_found")
    script = [missing, fake.no_route(), fake.error(404, "no such model"), fake.response("hello")]
    with serving_upstream(*script) as upstream:
        async with sampling(upstream) as sampler:
            for _ in range(2):
                with pytest.raises(SampleRejected, match="no such model"):
                    await draw(parse(asking()), {"word": "x"}, sampler)
            await draw(parse(asking()), {"word": "x"}, sampler)
    assert [request.path[4:] for request in upstream.received] == [
        "responses",
        "responses",
        "chat/completions",
        "responses",
    ]


@pytest.mark.parametrize(("setting", "path"), [("chat", "chat/completions"), ("native", "responses")])  # fmt: skip
async def test_an_upstream_can_be_told_which_api_to_use(
    tmp_path: Path, setting: str, path: str
) -> None:
    answer = fake.completion("hello") if setting == "chat" else fake.no_route()
    with serving_upstream(answer) as upstream:
        judges = file(tmp_path, upstream, responses_api=setting)
        if setting == "chat":
            await drawn(upstream, asking(), judges=judges)
        else:
            with pytest.raises(SampleRejected, match="answered 404"):
                await drawn(upstream, asking(), judges=judges)
    assert [request.path for request in upstream.received] == [f"/v1/{path}"]


HOSTED = {"tools": [{"type": "mcp", "server_label": "x", "server_url": "http://169.254.169.254"}]}


async def test_built_in_tools_are_the_operators_to_allow(tmp_path: Path) -> None:
    """They spend the operator's money, read its files and call addresses from its account."""
    definition = asking(sampling_params=HOSTED)
    with serving_upstream() as upstream:
        async with sampling(upstream) as sampler:
            with pytest.raises(RequestRefused) as caught:
                parse(definition).check(sampler)
            with pytest.raises(SampleRejected, match="hosted_tools"):
                await draw(parse(definition), {"word": "x"}, sampler)
    assert caught.value.param == "sampling_params.tools"
    assert "'mcp' are not allowed" in caught.value.message


async def test_allowed_built_in_tools_are_told_in_output_tools(tmp_path: Path) -> None:
    call = {"type": "mcp_call", "name": "search", "arguments": "{}", "output": "found"}
    listed = {"type": "mcp_list_tools", "tools": []}
    with serving_upstream(fake.response(listed, call, SEARCH, "hello")) as upstream:
        judges = file(tmp_path, upstream, hosted_tools=["mcp"])
        result = await drawn(upstream, asking(sampling_params=HOSTED), judges=judges)
    assert upstream.received[0].body["tools"] == HOSTED["tools"]
    assert result.sample["output_tools"] == [call, SEARCH]
    assert result.sample["choices"][0]["message"]["tool_calls"] == []
    assert result.sample["choices"][0]["finish_reason"] == "stop"


async def test_built_in_tools_without_the_responses_api_are_told(tmp_path: Path) -> None:
    with serving_upstream(fake.no_route()) as upstream:
        judges = file(tmp_path, upstream, hosted_tools=["mcp"])
        async with sampling(upstream, judges=judges) as sampler:
            with pytest.raises(SampleRejected, match="has no /responses"):
                await draw(parse(asking(sampling_params=HOSTED)), {"word": "x"}, sampler)
            with pytest.raises(RequestRefused, match="needs the data source `responses`"):
                parse(source(sampling_params=HOSTED)).check(sampler)


async def _failing(upstream: FakeUpstream, error: type[CannotGrade]) -> CannotGrade:
    with pytest.raises(error) as caught:
        await drawn(upstream, asking())
    return caught.value


async def test_a_response_that_failed_is_tried_again_where_that_can_help() -> None:
    trouble = {"code": "server_error", "message": "the disk is full"}
    failed = fake.replace(fake.response(status="failed", error=trouble, output=None), headers=SOON)
    with serving_upstream(failed, fake.response("hello")) as upstream:
        assert (await drawn(upstream, asking())).sample["output_text"] == "hello"
    trouble = {"code": "invalid_prompt", "message": "not this"}
    with serving_upstream(fake.response(status="failed", error=trouble)) as upstream:
        error = await _failing(upstream, SampleRejected)
    assert "failed: not this" in error.details


@pytest.mark.parametrize(
    "broken",
    [
        fake.Answer(body={"output": None}),
        fake.Answer(body={"object": "response"}),
        fake.response({"type": "message"}),
        fake.response({"type": "function_call", "name": "f"}),
        fake.response({"id": "untyped"}),
        fake.response("x", status="queued"),
        fake.response(status="failed", error="text"),
    ],
)
async def test_an_answer_that_is_no_response_is_tried_again(broken: fake.Answer) -> None:
    with serving_upstream(broken, fake.response("hello")) as upstream:
        assert (await drawn(upstream, asking())).sample["output_text"] == "hello"


async def test_a_filtered_response_is_no_output_and_is_paid() -> None:
    details = {"reason": "content_filter"}
    answer = fake.response(status="incomplete", incomplete_details=details)
    with serving_upstream(answer) as upstream:
        error = await _failing(upstream, SampleFiltered)
    assert error.spent == {fake.MODEL: Usage(100, 20, 120, 40)}


async def test_429_is_waited_out() -> None:
    with serving_upstream(fake.throttled(retry_after_ms="20"), fake.response("hello")) as upstream:
        assert (await drawn(upstream, asking())).sample["output_text"] == "hello"
    with serving_upstream(*[fake.throttled(retry_after_ms="1")] * 4) as upstream:
        error = await _failing(upstream, SampleUnavailable)
    assert error.retryable
