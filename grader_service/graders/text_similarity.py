"""`text_similarity`: how alike two rendered texts are, by one of eleven metrics (grader-api §8.2)."""

import math
from collections.abc import Sequence
from typing import Literal

from grader_service.errors import JudgeUnavailable
from grader_service.graders.base import Grader, TemplateText
from grader_service.graders.context import Context
from grader_service.graders.result import Score


class TextSimilarity(Grader):
    """`input` is the hypothesis and `reference` the reference; 0.0 to 1.0, but -1.0 to 1.0 for `cosine`."""

    type: Literal["text_similarity"]
    input: TemplateText
    reference: TemplateText
    evaluation_metric: Literal[
        "fuzzy_match",
        "bleu",
        "gleu",
        "meteor",
        "cosine",
        "rouge_1",
        "rouge_2",
        "rouge_3",
        "rouge_4",
        "rouge_5",
        "rouge_l",
    ]

    def texts(self) -> Sequence[tuple[str, str]]:
        return (("input", self.input), ("reference", self.reference))

    def bounds(self) -> tuple[float, float]:
        return (-1.0 if self.evaluation_metric == "cosine" else 0.0, 1.0)

    async def score(self, ctx: Context) -> Score:
        hypothesis, reference = ctx.render(self.input), ctx.render(self.reference)
        if self.evaluation_metric == "cosine":
            return await _cosine(ctx, hypothesis, reference)
        return Score(
            await ctx.engines.similarity.compare(self.evaluation_metric, hypothesis, reference)
        )


async def _cosine(ctx: Context, hypothesis: str, reference: str) -> Score:
    """The cosine of two embeddings; 0.0 where a text is empty, as for the other metrics."""
    if not hypothesis or not reference:
        return Score(0.0)
    embeddings = await ctx.engines.judge.embed([hypothesis, reference], ctx.tenant)
    usage = {embeddings.model: embeddings.usage}
    try:
        cosine = _cosine_of(*embeddings.vectors)
    except (TypeError, ValueError) as error:
        raise JudgeUnavailable(
            f"the embedding model gave no two comparable vectors ({error})", spent=usage
        ) from error
    return Score(cosine, usage=usage, sampled_model=embeddings.model)


def _cosine_of(first: Sequence[float], second: Sequence[float]) -> float:
    """-1.0 to 1.0, rounding errors cut off; 0.0 for a zero vector, which has no direction.

    Raises:
        ValueError: the vectors differ in length, or hold something that is not finite.
    """
    product = math.fsum(a * b for a, b in zip(first, second, strict=True))
    lengths = math.hypot(*first) * math.hypot(*second)
    if not math.isfinite(lengths):
        raise ValueError("their length is not finite")
    return max(-1.0, min(1.0, product / lengths)) if lengths else 0.0
