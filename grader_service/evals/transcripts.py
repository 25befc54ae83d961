"""`sample` of output items and of results, where no model was sampled for the run (evals-api §2.5)."""

from collections.abc import Mapping
from typing import Any

from grader_service.errors import Usage
from grader_service.graders.result import Asked
from grader_service.sampling.transcript import tokens, told


def of_judge(asked: Asked) -> dict[str, Any]:
    """What a judge was asked and said; the parts of a message are one text here."""
    sampling = asked.sampling
    return {
        "input": [
            {"role": message["role"], "content": _joined(message["content"])}
            for message in asked.messages
        ],
        "output": [{"role": "assistant", "content": asked.text}],
        "finish_reason": "stop",
        "model": asked.model,
        "usage": tokens(asked.usage),
        "error": None,
        "seed": sampling.seed,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "reasoning_effort": sampling.reasoning_effort,
        "max_completions_tokens": sampling.max_completions_tokens,
        "max_completion_tokens": sampling.max_completions_tokens,
    }


def _joined(content: Any) -> str:
    return content if isinstance(content, str) else " ".join(told(part) for part in content)


def of_row(sample: Mapping[str, Any]) -> dict[str, Any]:
    """An output that the row brought, in the form that sampled ones have; what is not known is null."""
    text, model, tools = (sample.get(key) for key in ("output_text", "model", "output_tools"))
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text if isinstance(text, str) else None,
    }
    if isinstance(tools, list) and tools:
        message["tool_calls"] = tools
    unknown = ("seed", "temperature", "top_p", "reasoning_effort")
    limits = ("max_completions_tokens", "max_completion_tokens")
    return {
        "input": [],
        "output": [message],
        "finish_reason": "",
        "model": model if isinstance(model, str) else "",
        "usage": tokens(Usage()),
        "error": None,
        **dict.fromkeys(unknown + limits),
    }
