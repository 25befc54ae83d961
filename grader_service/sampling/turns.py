"""A conversation that a dataset's row brings along: chat messages, or items of `/responses`, as chat messages.

Each turn is built anew from what is known of it. What would make the upstream look into its
operator's account (files and earlier answers by id) is not known here, so it is refused.
"""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from grader_service import jsontext
from grader_service.errors import InputMessagesInvalid

ROLES = ("system", "developer", "user", "assistant", "tool")


def turns(value: Any, place: str) -> list[dict[str, Any]]:
    """The conversation in the chat format; a string is read as JSON, as everywhere in templates.

    Raises:
        InputMessagesInvalid: with the place in the item and what should stand there.
    """
    if isinstance(value, str):
        value = _parsed(value, place)
    if not isinstance(value, list):
        raise InputMessagesInvalid(f"{place} is no list of chat messages")
    said: list[dict[str, Any]] = []
    for index, turn in enumerate(value):
        _add(turn, f"{place}[{index}]", said)
    if not said:
        raise InputMessagesInvalid(f"{place} has no messages")
    return said


def _parsed(text: str, place: str) -> Any:
    try:
        return jsontext.loads(text)
    except jsontext.JsonError:
        raise InputMessagesInvalid(
            f'{place} is a text, no list of chat messages; make it one message with the template {{"role": "user", "content": "{{{{{place}}}}}"}}'
        ) from None


def _add(turn: Any, place: str, said: list[dict[str, Any]]) -> None:
    if not isinstance(turn, dict):
        raise InputMessagesInvalid(f"{place} is no chat message")
    kind = turn.get("type") or "message"
    if kind == "message":
        said.append(_message(turn, place))
    elif kind == "function_call":
        _add_call(_flat_call(turn, place), said)
    elif kind == "function_call_output":
        output = _content(turn.get("output") or "", f"{place}.output")
        call_id = _text(turn, "call_id", place)
        said.append({"role": "tool", "tool_call_id": call_id, "content": output})
    elif kind != "reasoning":  # what a model thought is not sent back
        raise InputMessagesInvalid(f"{place}.type: {str(kind)[:40]!r} is not known")


def _message(turn: Mapping[str, Any], place: str) -> dict[str, Any]:
    role = turn.get("role")
    if role not in ROLES:
        raise InputMessagesInvalid(f"{place}.role must be one of {', '.join(ROLES)}")
    calls = turn.get("tool_calls")
    content = turn.get("content")
    message: dict[str, Any] = {"role": role, "content": None}
    if content is not None or not calls:
        message["content"] = _content(content, f"{place}.content")
    if isinstance(turn.get("name"), str):
        message["name"] = turn["name"]
    if role == "tool":
        message["tool_call_id"] = _text(turn, "tool_call_id", place)
    if calls:
        message["tool_calls"] = _calls(calls, f"{place}.tool_calls")
    return message


def _calls(calls: Any, place: str) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise InputMessagesInvalid(f"{place} is no list")
    return [_call(call, f"{place}[{index}]") for index, call in enumerate(calls)]


def _call(call: Any, place: str) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise InputMessagesInvalid(f"{place}.function is missing")
    return _called(_text(call, "id", place), function, f"{place}.function")


def _flat_call(turn: Mapping[str, Any], place: str) -> dict[str, Any]:
    return _called(_text(turn, "call_id", place), turn, place)


def _called(call_id: str, function: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Arguments are JSON text on the wire; datasets often have them as the object."""
    arguments = function.get("arguments", "")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    named = {"name": _text(function, "name", place), "arguments": arguments}
    return {"id": call_id, "type": "function", "function": named}


def _add_call(call: dict[str, Any], said: list[dict[str, Any]]) -> None:
    """Calls side by side are one turn of the assistant in the chat format, and belong to what it said before them."""
    if said and said[-1]["role"] == "assistant":
        said[-1].setdefault("tool_calls", []).append(call)
    else:
        said.append({"role": "assistant", "content": None, "tool_calls": [call]})


def _content(content: Any, place: str) -> Any:
    if isinstance(content, str):
        return content
    pieces = content if isinstance(content, list) else [content]
    if not pieces:
        raise InputMessagesInvalid(f"{place} is empty")
    parts = [_part(piece, f"{place}[{index}]") for index, piece in enumerate(pieces)]
    if len(parts) == 1 and parts[0]["type"] == "text":
        return parts[0]["text"]
    return parts


def _part(piece: Any, place: str) -> dict[str, Any]:
    if isinstance(piece, str):
        return {"type": "text", "text": piece}
    if not isinstance(piece, dict):
        raise InputMessagesInvalid(f"{place} is neither text nor a part of a message")
    build = PARTS.get(str(piece.get("type")))
    if build is None:
        known = ", ".join(PARTS)
        raise InputMessagesInvalid(f"{place}.type must be one of {known}")
    return build(piece, place)


def _text_part(piece: Mapping[str, Any], place: str) -> dict[str, Any]:
    key = "refusal" if piece["type"] == "refusal" else "text"
    return {"type": "text", "text": _text(piece, key, place)}


def _image_part(piece: Mapping[str, Any], place: str) -> dict[str, Any]:
    """`image_url` is an address in `/responses`, an object with one in the chat format."""
    given = piece.get("image_url")
    image = given if isinstance(given, dict) else {"url": given, "detail": piece.get("detail")}
    written: dict[str, Any] = {"url": _text(image, "url", f"{place}.image_url")}
    if isinstance(image.get("detail"), str):
        written["detail"] = image["detail"]
    return {"type": "image_url", "image_url": written}


def _audio_part(piece: Mapping[str, Any], place: str) -> dict[str, Any]:
    audio = piece.get("input_audio")
    place = f"{place}.input_audio"
    if not isinstance(audio, dict):
        raise InputMessagesInvalid(f"{place} is missing")
    sound = {key: _text(audio, key, place) for key in ("data", "format")}
    return {"type": "input_audio", "input_audio": sound}


PARTS: Mapping[str, Callable[[Mapping[str, Any], str], dict[str, Any]]] = MappingProxyType(
    {
        "text": _text_part,
        "input_text": _text_part,
        "output_text": _text_part,
        "refusal": _text_part,
        "image_url": _image_part,
        "input_image": _image_part,
        "input_audio": _audio_part,
    }
)
"""The parts of a message in both spellings."""


def _text(holder: Mapping[str, Any], key: str, place: str) -> str:
    text = holder.get(key)
    if not isinstance(text, str):
        raise InputMessagesInvalid(f"{place}.{key} must be a string")
    return text
