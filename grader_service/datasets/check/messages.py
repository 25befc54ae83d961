"""Rules for a row's `messages`: the prompt, in the chat format (grader-api §10).

The hosted services take the roles developer, user, assistant and tool, texts and images; Azure's
takes no images. The prompt must end where the model is to speak.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from grader_service.datasets.check.finding import Complaint
from grader_service.datasets.rows import Row

ROLES: Final = ("developer", "user", "assistant", "tool")
_FORM: Final = 'write [{"role": "user", "content": "…"}]'
_CALL_FORM: Final = (
    'write {"id": "…", "type": "function", "function": {"name": "…", "arguments": "{…}"}}'
)
_RESPONSES_PARTS: Final = ("input_text", "output_text", "input_image")


def spelling(row: Row) -> Iterator[Complaint]:
    """A training job does not look into `item`."""
    if row.nested:
        yield Complaint(
            'the row is spelled {"item": {…}}, as the Evals API has it',
            "put `messages` and the columns at the top of each line",
        )


def shape(row: Row) -> Iterator[Complaint]:
    """`messages` is an array of objects with a role and a content."""
    if "messages" not in row.item:
        yield Complaint("there is no `messages`", f"{_FORM} into `messages`: it is the prompt")
        return
    messages = row.item["messages"]
    if not isinstance(messages, list):
        yield Complaint(
            "`messages` is no array",
            f"the name is reserved for the prompt; {_FORM} into it",
        )
        return
    if not messages:
        yield Complaint("`messages` is empty", _FORM)
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            yield Complaint(f"messages[{place}] is no object", _FORM, key="no object")
        elif "role" not in message:
            yield Complaint(f"messages[{place}] has no `role`", _FORM, key="no role")


def roles(row: Row) -> Iterator[Complaint]:
    """Known ones, and instructions first."""
    for place, message in _messages(row):
        role = message.get("role", "user")
        if role == "system":
            yield Complaint(
                f"messages[{place}] is a system message, which reinforcement jobs do not take",
                'write "role": "developer"',
                key="system",
            )
        elif role not in ROLES:
            yield Complaint(
                f"messages[{place}] has the unknown role {str(role)[:40]!r}",
                f"roles are {', '.join(ROLES)}",
                key="unknown",
            )
        elif role == "developer" and place > 0:
            yield Complaint(
                f"messages[{place}] is a developer message after other messages",
                "put all instructions into one developer message at the beginning",
                "warning",
                key="late",
            )


def last(row: Row) -> Iterator[Complaint]:
    """The model answers a user."""
    messages = row.item.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        role = messages[-1].get("role", "user")
        if role != "user":
            yield Complaint(
                f"the last message is of the role {str(role)[:40]!r}, not 'user'",
                "remove the answer, or move it to a column that the grader names"
                if role == "assistant"
                else "end `messages` with what the user says",
            )


def content(row: Row) -> Iterator[Complaint]:
    """A text, or parts that are texts and images."""
    for place, message in _messages(row):
        where = f"messages[{place}].content"
        value = message.get("content")
        if isinstance(value, str):
            if not value.strip() and message.get("role") != "assistant":
                yield Complaint(
                    f"{where} is empty",
                    "write a text, or remove the message",
                    "warning",
                    key="empty",
                )
        elif isinstance(value, list) and value:
            for number, part in enumerate(value):
                yield from _part(part, f"{where}[{number}]", message.get("role"))
        elif value is not None or not (message.get("tool_calls") or message.get("function_call")):
            yield Complaint(f"{where} is no text", "write a string", key="no text")


def _part(part: Any, where: str, role: Any) -> Iterator[Complaint]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text" and isinstance(part.get("text"), str):
        return
    if kind == "refusal" and role == "assistant":
        return
    if kind == "image_url" and role == "user" and _is_image(part.get("image_url")):
        yield Complaint(
            f"{where} is an image, which Azure does not take in reinforcement jobs",
            "train elsewhere, or describe the image",
            "warning",
            key="image",
        )
    elif kind in _RESPONSES_PARTS:
        yield Complaint(
            f"{where} is spelled {kind!r}, as the Responses API has it",
            'write {"type": "text", "text": "…"} or {"type": "image_url", "image_url": {"url": "…"}}',
            key="responses",
        )
    else:
        yield Complaint(
            f"{where} is neither a text nor a user's image",
            'write {"type": "text", "text": "…"}; sounds and files are not taken',
            key="other",
        )


def _is_image(image: Any) -> bool:
    return isinstance(image, dict) and isinstance(image.get("url"), str)


def calls(row: Row) -> Iterator[Complaint]:
    """Calls of tools are well-formed, and each of a tool's messages answers one."""
    known: set[str] = set()
    for place, message in _messages(row):
        where = f"messages[{place}]"
        given = message.get("tool_calls")
        if given is not None and not isinstance(given, list):
            yield Complaint(f"{where}.tool_calls is no array", _CALL_FORM, key="no array")
            continue
        for call in given or ():
            if not _is_call(call):
                yield Complaint(f"{where}.tool_calls holds no call", _CALL_FORM, key="no call")
            else:
                known.add(call["id"])
        if message.get("role") == "tool" and message.get("tool_call_id") not in known:
            yield Complaint(
                f"{where} answers no call of a message before it",
                "give it the `tool_call_id` of an assistant's call",
                key="no answer",
            )


def _is_call(call: Any) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return (
        isinstance(function, dict)
        and isinstance(call.get("id"), str)
        and call.get("type") == "function"
        and isinstance(function.get("name"), str)
        and isinstance(function.get("arguments"), str)
    )


def _messages(row: Row) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Those that are objects; `shape` tells of the others."""
    messages = row.item.get("messages")
    if isinstance(messages, list):
        for place, message in enumerate(messages):
            if isinstance(message, dict):
                yield place, message
