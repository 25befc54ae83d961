"""`/chat/completions` for sampling: the body of a prompt, and the output in an answer."""

from collections.abc import Mapping
from typing import Any, Final

from grader_service.judge import request
from grader_service.judge.client import Answered
from grader_service.judge.config import Upstream
from grader_service.judge.models import Route
from grader_service.judge.reading import Broken, Output, json_text, text_or_none
from grader_service.judge.sampler import Prompt

PATH: Final = "/chat/completions"
SOUND: Final = {"voice": "alloy", "format": "wav"}
"""The upstream must be told; graders of the field expect wav (`{{ sample.output_audio.data }}`)."""


def body(prompt: Prompt, route: Route, upstream: Upstream) -> dict[str, Any]:
    """The messages are exactly the caller's; `tools` and `response_format` in this API's spelling."""
    messages = [request.message(message, upstream) for message in prompt.messages]
    written: dict[str, Any] = {"model": route.model, "messages": messages}
    written |= request.sampling(
        prompt.sampling, reasoning=route.reasoning, token_limit=upstream.token_limit
    )
    if prompt.response_format is not None:
        written["response_format"] = prompt.response_format
    if prompt.tools:
        written["tools"] = [_tool(tool) for tool in prompt.tools]
    if prompt.modalities:
        written["modalities"] = list(prompt.modalities)
    if "audio" in prompt.modalities:
        written["audio"] = SOUND
    return written


def is_hosted(tool: Mapping[str, Any]) -> bool:
    """Whether the upstream itself would carry the tool's calls out."""
    return tool["type"] not in ("function", "custom")


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A flat tool of `/responses`, as this API spells it."""
    kind = str(tool["type"])
    if kind in tool:
        return dict(tool)
    return {"type": kind, kind: {key: value for key, value in tool.items() if key != "type"}}


def read(answered: Answered) -> Output:
    """Raises `Broken`: it is no chat completion."""
    try:
        choice = answered.body["choices"][0]
        message = choice["message"]
        calls = [_call(call, index) for index, call in enumerate(message.get("tool_calls") or ())]
        content = _content(message.get("content"))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise Broken("no choices[0].message") from None
    audio = message.get("audio")
    return Output(
        content=content,
        refusal=text_or_none(message.get("refusal")),
        calls=calls,
        finish_reason=text_or_none(choice.get("finish_reason")) or "stop",
        reasoning=_reasoning(message),
        audio=audio if isinstance(audio, dict) else None,
    )


def _content(content: Any) -> str | None:
    """A text; of a list of parts, which some servers send, those that are text."""
    if content is None or isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")


def _reasoning(message: Mapping[str, Any]) -> str | None:
    """Where servers put what the model thought: vLLM and Ollama `reasoning`, llama.cpp and older ones `reasoning_content`."""
    return text_or_none(message.get("reasoning")) or text_or_none(message.get("reasoning_content"))


def _call(call: Mapping[str, Any], index: int) -> dict[str, Any]:
    """A tool call with an id, and with its arguments as the JSON text that they are on the wire."""
    kind = str(call.get("type") or "function")
    called = dict(call[kind])
    if "arguments" in called:
        called["arguments"] = json_text(called["arguments"])
    return {"id": str(call.get("id") or f"call_{index}"), "type": kind, kind: called}
