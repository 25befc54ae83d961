"""`sample` of an output item: what the model was asked and what it said, as people read it (evals-api §2.5)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from grader_service.errors import CannotGrade, Usage
from grader_service.judge.sampler import Generation, Prompt

SHOWN_DATA: Final = 200
"""Characters of an image or a sound that are told; the whole is in the item."""


def transcript_of(prompt: Prompt, generation: Generation) -> dict[str, Any]:
    """The keys and their order are the hosted service's."""
    message = generation.message
    output: dict[str, Any] = {"role": "assistant", "content": spoken(message)}
    if message["tool_calls"]:
        output["tool_calls"] = message["tool_calls"]
    if message["refusal"] is not None:
        output["refusal"] = message["refusal"]
    return {
        "input": list(_input(prompt)),
        "output": [output],
        "finish_reason": generation.finish_reason,
        "model": generation.model,
        "usage": tokens(generation.usage),
        "error": None,
        **_settings(prompt, generation.seed),
    }


def failed_transcript(prompt: Prompt, error: CannotGrade) -> dict[str, Any]:
    """The same keys where there is no output; clients read `output[0]`, so there is an empty one."""
    spent = sum(error.spent.values(), Usage())
    return {
        "input": list(_input(prompt)),
        "output": [{"role": "assistant", "content": ""}],
        "finish_reason": "error",
        "model": prompt.model,
        "usage": tokens(spent),
        "error": {"code": error.kind, "message": error.details},
        **_settings(prompt, prompt.sampling.seed),
    }


def spoken(message: Mapping[str, Any]) -> str:
    """The text of an answer; of a sound its transcript."""
    audio = message["audio"] or {}
    return str(message["content"] or audio.get("transcript") or "")


def _settings(prompt: Prompt, seed: int | None) -> dict[str, Any]:
    """The limit has both of its spellings: clients of either read it."""
    sampling = prompt.sampling
    return {
        "seed": seed,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "reasoning_effort": sampling.reasoning_effort,
        "max_completions_tokens": sampling.max_completions_tokens,
        "max_completion_tokens": sampling.max_completions_tokens,
    }


def tokens(usage: Usage) -> dict[str, int]:
    """In the order of the hosted service."""
    return {
        "total_tokens": usage.total_tokens,
        "completion_tokens": usage.completion_tokens,
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
    }


def _input(prompt: Prompt) -> Iterator[dict[str, Any]]:
    """One message for each part: the content is a text everywhere."""
    for message in prompt.messages:
        content = message["content"]
        parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
        for part in parts[:-1]:
            yield {"role": message["role"], "content": told(part)}
        yield {**message, "content": told(parts[-1])}


def told(part: Mapping[str, Any]) -> str:
    """A part of a message as people read it."""
    match part["type"]:
        case "text":
            return str(part["text"])
        case "image_url":
            return f"<image>{_cut(part['image_url']['url'])}</image>"
        case _:
            return f"<audio>{_cut('data:' + part['input_audio']['data'])}</audio>"


def _cut(address: str) -> str:
    """Addresses whole, bytes not: each row of a run keeps its transcript."""
    if not address.startswith("data:") or len(address) <= SHOWN_DATA:
        return address
    return f"{address[:SHOWN_DATA]}… ({len(address):,} characters)"
