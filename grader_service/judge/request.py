"""Writes a question as the body of `/chat/completions`, in the words that its upstream knows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from grader_service.judge.base import Question, Sampling
from grader_service.judge.config import AnswerForm, Upstream
from grader_service.judge.models import Route

INSTRUCTION = "Answer with one JSON object, and nothing else, that fulfils this JSON schema:\n"
"""The one thing ever added to the user's messages, and only for upstreams that know JSON but no schemas."""


def chat_body(
    question: Question[Any], route: Route, upstream: Upstream, form: AnswerForm
) -> dict[str, Any]:
    """The body for one try.

    With `json_schema` and `text` the messages are exactly the user's. With `json_object` one system
    message follows them: that mode guarantees no keys, and upstreams refuse it where no message
    says "JSON".
    """
    messages = [message(each, upstream) for each in question.messages]
    body: dict[str, Any] = {"model": route.model, "messages": messages}
    body |= sampling(question.sampling, reasoning=route.reasoning, token_limit=upstream.token_limit)
    if form == "json_schema":
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {
                "name": question.form.name,
                "strict": True,
                "schema": question.form.schema(),
            },
        }
    elif form == "json_object":
        schema = json.dumps(question.form.schema(), ensure_ascii=False)
        messages.append({"role": "system", "content": INSTRUCTION + schema})
        body["response_format"] = {"type": "json_object"}
    return body


def message(said: Mapping[str, Any], upstream: Upstream) -> dict[str, Any]:
    """A chat message in the roles that the upstream knows."""
    written = dict(said)
    if written["role"] == "developer":
        written["role"] = upstream.developer_role
    return written


def sampling(asked: Sampling, *, reasoning: bool, token_limit: str) -> dict[str, Any]:
    """Reasoning models refuse temperature and top_p, others reasoning_effort (grader-api §8.3)."""
    body: dict[str, Any] = {} if asked.seed is None else {"seed": asked.seed}
    if not reasoning:
        return body | {
            token_limit: asked.max_completions_tokens,
            "temperature": asked.temperature,
            "top_p": asked.top_p,
        }
    if asked.reasoning_effort is not None:
        body["reasoning_effort"] = asked.reasoning_effort
    return body | {"max_completion_tokens": asked.max_completions_tokens}


def estimated_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """About what the messages cost, rather too much: a token for 3 bytes, 1,600 for an image, 1 for 100 bytes of base64 sound."""
    return sum(4 + _message_tokens(message) for message in messages)


def _message_tokens(message: Mapping[str, Any]) -> int:
    called = message.get("tool_calls")
    tokens = _content_tokens(message.get("content") or "")
    return tokens + _content_tokens(json.dumps(called)) if called else tokens


def _content_tokens(content: Any) -> int:
    if isinstance(content, str):
        return len(content.encode(errors="replace")) // 3 + 1
    return sum(_part_tokens(part) for part in content)


def _part_tokens(part: Mapping[str, Any]) -> int:
    match part["type"]:
        case "text":
            return _content_tokens(part["text"])
        case "image_url":
            return 1600
        case _:
            return len(part["input_audio"]["data"]) // 100 + 1
