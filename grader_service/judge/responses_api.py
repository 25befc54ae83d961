"""`/responses` for sampling: the body of a prompt, and the output in an answer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from grader_service.judge import request
from grader_service.judge.client import Answered
from grader_service.judge.config import Upstream
from grader_service.judge.models import Route
from grader_service.judge.reading import Broken, Output, Unfinished, json_text
from grader_service.judge.sampler import Prompt

PATH: Final = "/responses"
_PASSING: Final = ("server_error", "rate_limit_exceeded")
_FINISH: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}


def body(prompt: Prompt, route: Route, upstream: Upstream) -> dict[str, Any]:
    """Nothing is stored at the upstream. This API knows no seed."""
    written: dict[str, Any] = {
        "model": route.model,
        "input": [item for message in prompt.messages for item in _items(message, upstream)],
        "max_output_tokens": prompt.sampling.max_completions_tokens,
        "store": False,
    }
    if not route.reasoning:
        written["temperature"] = prompt.sampling.temperature
        written["top_p"] = prompt.sampling.top_p
    elif prompt.sampling.reasoning_effort is not None:
        written["reasoning"] = {"effort": prompt.sampling.reasoning_effort}
    if prompt.response_format is not None:
        written["text"] = {"format": _flat(prompt.response_format, "json_schema")}
    if prompt.tools:
        written["tools"] = [_flat(tool, str(tool["type"])) for tool in prompt.tools]
    return written


def _flat(nested: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What the chat form has one level down, `{"type": t, t: {…}}`, on one level."""
    inner = nested.get(key)
    return {"type": nested["type"], **inner} if isinstance(inner, Mapping) else dict(nested)


def _items(message: Mapping[str, Any], upstream: Upstream) -> Iterator[dict[str, Any]]:
    """One chat message: itself, the calls that it makes, or what a call gave."""
    message = request.message(message, upstream)
    content = message["content"]
    if message["role"] == "tool":
        output = content if isinstance(content, str) else _joined(content)
        yield {
            "type": "function_call_output",
            "call_id": message["tool_call_id"],
            "output": output,
        }
        return
    if content:
        yield {
            "type": "message",
            "role": message["role"],
            "content": content
            if isinstance(content, str)
            else [_part(part, message["role"]) for part in content],
        }
    for call in message.get("tool_calls") or ():
        yield {
            "type": "function_call",
            "call_id": call["id"],
            "name": call["function"]["name"],
            "arguments": call["function"]["arguments"],
        }


def _joined(parts: Any) -> str:
    return "".join(part.get("text", "") for part in parts or ())


def _part(part: Mapping[str, Any], role: str) -> dict[str, Any]:
    match part["type"]:
        case "text":
            kind = "output_text" if role == "assistant" else "input_text"
            return {"type": kind, "text": part["text"]}
        case "image_url":
            image = part["image_url"]
            detail = image.get("detail", "auto")
            return {"type": "input_image", "image_url": image["url"], "detail": detail}
        case _:
            return dict(part)


def read(answered: Answered) -> Output:
    """Raises `Broken` (it is no response), `Unfinished` (the upstream says that it failed)."""
    answer = answered.body
    try:
        _check_status(answer)
        return _output(answer, answer["output"])
    except (KeyError, TypeError, AttributeError):
        raise Broken("no output, or an item of it lacks what its type must have") from None


def _check_status(answer: Mapping[str, Any]) -> None:
    status = answer.get("status", "completed")
    if status == "failed":
        error = answer.get("error") or {}
        raise Unfinished(str(error.get("message"))[:300], again=error.get("code") in _PASSING)
    if status not in ("completed", "incomplete"):
        raise Broken(f"status {str(status)[:40]!r}")


def _output(answer: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> Output:
    texts = list(_contents(items, "output_text", "text"))
    calls = [_call(item) for item in items if item["type"] == "function_call"]
    return Output(
        content="".join(texts) if texts else None,
        refusal="".join(_contents(items, "refusal", "refusal")) or None,
        calls=calls,
        finish_reason=_finish_reason(answer, calls),
        reasoning=_reasoning(items),
        hosted_calls=[
            item
            for item in items
            if item["type"].endswith("_call") and item["type"] != "function_call"
        ],
    )


def _contents(items: Sequence[Mapping[str, Any]], kind: str, key: str) -> Iterator[str]:
    for item in items:
        if item["type"] == "message":
            yield from (part[key] for part in item["content"] if part["type"] == kind)


def _call(item: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": item["name"], "arguments": json_text(item["arguments"])}
    return {"id": item.get("call_id") or item["id"], "type": "function", "function": function}


def _finish_reason(answer: Mapping[str, Any], calls: Sequence[Any]) -> str:
    if answer.get("status") == "incomplete":
        reason = (answer.get("incomplete_details") or {}).get("reason")
        return _FINISH.get(str(reason), "length")
    return "tool_calls" if calls else "stop"


def _reasoning(items: Sequence[Mapping[str, Any]]) -> str | None:
    """The summaries; what was thought itself, which only local servers tell, where there are none."""
    thoughts = [item for item in items if item["type"] == "reasoning"]
    for key in ("summary", "content"):
        texts = [part["text"] for item in thoughts for part in item.get(key) or ()]
        if any(texts):
            return "\n\n".join(texts)
    return None
