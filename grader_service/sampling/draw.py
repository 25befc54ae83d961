"""Draws a model's output for one row, and tells it to graders and to those who read the run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grader_service.errors import CannotGrade, Usage
from grader_service.judge.sampler import Generation, Prompt, Sampler
from grader_service.sample import json_container
from grader_service.sampling.source import SampledSource
from grader_service.sampling.transcript import failed_transcript, spoken, transcript_of


@dataclass(frozen=True, slots=True)
class Drawn:
    """One output: `sample` for graders, `transcript` for the output item, the dated model, the tokens."""

    sample: Mapping[str, Any]
    transcript: Mapping[str, Any]
    model: str
    usage: Usage


async def draw(
    source: SampledSource,
    item: Mapping[str, Any],
    sampler: Sampler,
    *,
    repeat: int = 0,
) -> Drawn:
    """Ask the model for this row, the `repeat`-th time; never answered from what was drawn before.

    Raises:
        CannotGrade: what `SampledSource.prompt` and `Sampler.sample` raise; `spent` has what it cost
            all the same. `failed` makes the output item's `sample` of it.
    """
    prompt = source.prompt(item, repeat=repeat)
    generation = await sampler.sample(prompt)
    return Drawn(
        sample=_sample_of(prompt, generation),
        transcript=transcript_of(prompt, generation),
        model=generation.model,
        usage=generation.usage,
    )


def failed(source: SampledSource, item: Mapping[str, Any], error: CannotGrade) -> dict[str, Any]:
    """The output item's `sample` where there is no output: the error, and the prompt as far as there is one."""
    try:
        prompt = source.prompt(item)
    except CannotGrade:
        prompt = Prompt(source.model, [], source.params().sampling())
    return failed_transcript(prompt, error)


def _sample_of(prompt: Prompt, generation: Generation) -> dict[str, Any]:
    """The namespace that graders see, all keys of the hosted service's schema (evals-api §2.1)."""
    message = generation.message
    text = spoken(message)
    told = {key: message[key] for key in ("role", "content", "refusal", "tool_calls")}
    return {
        "model": generation.model,
        "choices": [
            {
                "index": 0,
                "message": told | {"function_call": None},
                "finish_reason": generation.finish_reason,
            }
        ],
        "output_text": text,
        "output_json": json_container(text),
        "output_tools": [*message["tool_calls"], *generation.hosted_calls],
        "output_reasoning_summary": generation.reasoning,
        "output_audio": message["audio"],
        "input_tools": list(prompt.tools),
    }
