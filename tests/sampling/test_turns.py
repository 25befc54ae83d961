"""item_reference: conversations that rows bring along, as the model gets them."""

import json
from typing import Any

import pytest

from grader_service.errors import CannotGrade, InputMessagesInvalid, VariableMissing
from grader_service.sampling.source import parse
from tests.fakes import upstream as fake
from tests.fakes.upstream import serving_upstream
from tests.sampling.drawing import drawn, referring

CALL = fake.tool_call("add", {"a": 1})
IMAGE = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


async def sent(value: Any, path: str = "item.messages") -> list[Any]:
    """What the model is asked where the item has this value there."""
    item = {"messages": value, "deep": [{"er": value}]}
    with serving_upstream(fake.completion("hello")) as upstream:
        await drawn(upstream, referring(path), item)
    messages: list[Any] = upstream.prompts()[0]
    return messages


async def test_chat_messages_with_tool_turns_go_as_they_are() -> None:
    conversation = [
        {"role": "system", "content": "Be kind"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, IMAGE, SOUND]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "2"},
        {"role": "user", "name": "ann", "content": "{{item.messages}} stays"},
    ]
    assert await sent(conversation) == conversation
    assert await sent(conversation, "item.deep[0].er") == conversation
    assert await sent(json.dumps(conversation)) == conversation


async def test_nulls_and_keys_that_trainers_add_are_left_out() -> None:
    """Azure's rows have `name: null`, training data has weights, outputs of models have a refusal."""
    conversation = [
        {"role": "user", "name": None, "content": "hi", "weight": 1, "tool_calls": None},
        {"role": "assistant", "content": "yes", "refusal": None, "function_call": None},
    ]
    assert await sent(conversation) == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yes"},
    ]


async def test_items_of_the_responses_api_become_chat_messages() -> None:
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "add"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"type": "function_call", "call_id": "a", "name": "add", "arguments": '{"a": 1}'},
        {"type": "function_call", "call_id": "b", "name": "add", "arguments": {"a": 2}},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "2"}]},
        {"role": "assistant", "content": {"type": "output_text", "text": "so"}},
        {"type": "function_call", "call_id": "c", "name": "stop", "arguments": ""},
        {"role": "user", "content": {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "low"}},
    ]  # fmt: skip
    low = {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}}
    assert await sent(items) == [
        {"role": "user", "content": "add"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                fake.tool_call("add", {"a": 1}, "a"),
                fake.tool_call("add", {"a": 2}, "b"),
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
        {"role": "assistant", "content": "so", "tool_calls": [fake.tool_call("stop", "", "c")]},
        {"role": "user", "content": [low]},
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("What is 2+2?", "item.messages is a text, no list of chat messages; make it one"),
        ("5", "item.messages is no list of chat messages"),
        ({"role": "user", "content": "x"}, "item.messages is no list of chat messages"),
        (None, "item.messages is no list"),
        ([], "item.messages has no messages"),
        (["hi"], "item.messages[0] is no chat message"),
        ([{"content": "x"}], "item.messages[0].role must be one of system, developer"),
        ([{"role": "function", "name": "f", "content": "x"}], "item.messages[0].role must"),
        ([{"role": "user"}], "item.messages[0].content[0] is neither text nor a part"),
        ([{"role": "user", "content": []}], "item.messages[0].content is empty"),
        ([{"role": "user", "content": [{"text": "x"}]}], "item.messages[0].content[0].type must be"),
        ([{"role": "user", "content": [{"type": "text"}]}], "content[0].text must be a string"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "content[0].image_url.url must be"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], "content[0].input_audio is missing"),
        ([{"role": "tool", "content": "x"}], "item.messages[0].tool_call_id must be a string"),
        ([{"role": "assistant", "tool_calls": CALL}], "item.messages[0].tool_calls is no list"),
        ([{"role": "assistant", "tool_calls": ["x"]}], "tool_calls[0].function is missing"),
        ([{"role": "assistant", "tool_calls": [{"function": {}}]}], "tool_calls[0].id must be"),
        ([{"type": "web_search_call"}], "item.messages[0].type: 'web_search_call' is not known"),
    ],
)  # fmt: skip
async def test_a_row_without_a_conversation_is_told_with_the_place(value: Any, said: str) -> None:
    with pytest.raises(InputMessagesInvalid) as caught, serving_upstream() as upstream:
        await drawn(upstream, referring(), {"messages": value})
    assert said in caught.value.details
    assert not caught.value.retryable


async def test_a_row_without_the_key_is_told_with_those_that_there_are() -> None:
    with pytest.raises(VariableMissing, match="messages"), serving_upstream() as upstream:
        await drawn(upstream, referring(), {"message": []})


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-operators"}}]},
        {"role": "user", "content": [{"type": "input_file", "file_id": "file-operators"}]},
        {"role": "user", "content": [{"type": "input_image", "file_id": "file-operators"}]},
        {"type": "item_reference", "id": "msg_operators"},
        {"type": "mcp_approval_response", "approval_request_id": "x", "approve": True},
    ],
)
async def test_a_row_cannot_reach_into_the_operators_account(turn: Any) -> None:
    with serving_upstream() as upstream, pytest.raises(CannotGrade):
        await drawn(upstream, referring(type="responses"), {"messages": [turn]})


def test_a_text_in_place_of_messages_is_answered_with_the_template_to_write() -> None:
    with pytest.raises(InputMessagesInvalid) as caught:
        parse(referring("item.input")).prompt({"input": "hello"})
    assert '{"role": "user", "content": "{{item.input}}"}' in caught.value.details
