"""The `sample` namespace where a request brings nothing but the model's text (grader-api §7)."""

from typing import Any

from grader_service import jsontext


def sample_of(model_sample: str) -> dict[str, Any]:
    """What templates and python graders see of a text from `/run`.

    `output_json` is the parsed text where it is a JSON object or array, else None: graders in the
    field call `.get()` on it, so a bare `42` or `"text"` does not count.
    """
    message = {"role": "assistant", "content": model_sample, "tool_calls": []}
    return {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "output_text": model_sample,
        "output_json": json_container(model_sample),
        "output_tools": [],
        "output_reasoning_summary": None,
    }


def json_container(text: str) -> dict[str, Any] | list[Any] | None:
    """The JSON object or array that the text is, else None. Prose is told apart by its ends, without a parse."""
    stripped = text.strip(" \t\r\n")
    if stripped[:1] + stripped[-1:] not in ("{}", "[]"):
        return None
    try:
        value: dict[str, Any] | list[Any] = jsontext.loads(stripped)
    except jsontext.JsonError:
        return None
    return value
