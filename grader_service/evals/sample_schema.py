"""The schema of `sample` as the hosted service shows it (evals-api §2.1)."""

from typing import Any, Final

_FUNCTION: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "arguments": {"type": "string"}},
    "required": ["name", "arguments"],
}
_TOOL_CALL: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["function"]},
        "function": _FUNCTION,
        "id": {"type": "string"},
    },
    "required": ["type", "function", "id"],
}
_MESSAGE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "role": {"type": "string", "enum": ["assistant"]},
        "content": {"type": ["string", "array", "null"]},
        "refusal": {"type": ["boolean", "null"]},
        "tool_calls": {"type": ["array", "null"], "items": _TOOL_CALL},
        "function_call": {**_FUNCTION, "type": ["object", "null"]},
    },
    "required": ["role"],
}
_CHOICE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "index": {"type": "integer"},
        "message": _MESSAGE,
        "finish_reason": {"type": "string"},
    },
    "required": ["index", "message", "finish_reason"],
}

SAMPLE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        "choices": {"type": "array", "items": _CHOICE},
        "output_text": {"type": "string"},
        "output_json": {"type": "object"},
        "output_tools": {"type": "array", "items": {"type": "object"}},
        "output_reasoning_summary": {"type": ["string", "null"]},
        "output_audio": {"type": ["object", "null"]},
        "input_tools": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["model", "choices"],
}
