"""Embeddings: the vectors of the cosine metric, through the same guards."""

from pathlib import Path

import pytest

from grader_service.errors import CannotGrade, JudgeOff, JudgeUnavailable, Usage
from grader_service.judge.off import NoJudge
from tests.fakes import upstream as fake
from tests.fakes.upstream import serving_upstream
from tests.judge.asking import configuration, judging


async def test_texts_become_vectors_in_their_order() -> None:
    answer = fake.embeddings([1.0, 0.0], [0.0, 1.0])
    answer.body["data"].reverse()
    with serving_upstream(answer) as upstream:
        async with judging(upstream, llm_model="qwen3") as judge:
            embeddings = await judge.embed(["a", "b"], "tenant")
    assert embeddings.vectors == ((1.0, 0.0), (0.0, 1.0))
    assert (embeddings.model, embeddings.usage) == ("text-embedding-3-large", Usage(8, 0, 8, 0))
    (request,) = upstream.received
    assert request.path == "/v1/embeddings"
    assert request.body == {"model": "text-embedding-3-large", "input": ["a", "b"]}


@pytest.mark.parametrize(
    "broken",
    [
        fake.embeddings([1.0]),
        fake.embeddings([1.0], []),
        fake.embeddings([1.0], [float("nan")]),
        fake.verdict(1),
    ],
)
async def test_an_answer_without_usable_vectors_is_named(
    tmp_path: Path, broken: fake.Answer
) -> None:
    with serving_upstream(broken) as upstream:
        file = configuration(tmp_path, upstream, tries=1)
        async with judging(upstream, judges=file) as judge:
            with pytest.raises(JudgeUnavailable, match="sent a broken answer"):
                await judge.embed(["a", "b"])


async def test_a_fault_of_the_upstream_is_tried_again() -> None:
    with serving_upstream(fake.throttled(retry_after_ms="20"), fake.embeddings([1.0])) as upstream:
        async with judging(upstream) as judge:
            assert (await judge.embed(["a"])).vectors == ((1.0,),)


async def test_without_a_judge_or_a_model_there_are_none() -> None:
    with pytest.raises(JudgeOff):
        await NoJudge().embed(["a"])
    with serving_upstream(fake.error(404, "no such model")) as upstream:
        async with judging(upstream) as judge:
            with pytest.raises(CannotGrade, match="no such model"):
                await judge.embed(["a"])
