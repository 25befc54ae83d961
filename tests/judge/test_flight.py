"""Identical questions share one call while it is under way; different ones never do."""

import asyncio
from typing import Any

import pytest

from grader_service.errors import JudgeUnavailable, Usage
from grader_service.events import JudgeAnswerSought
from grader_service.graders import GRADER
from grader_service.judge.base import Question
from grader_service.judge.forms import Number
from tests.fakes import upstream as fake
from tests.fakes.upstream import serving_upstream
from tests.judge.asking import MODEL, Seen, context, grade, judging, label_model, score_model, until

SLOW = fake.slow(0.2, fake.verdict(0.5))


async def test_64_identical_grades_are_one_call_and_its_tokens_count_once() -> None:
    seen = Seen()
    with serving_upstream(SLOW) as upstream:
        async with judging(upstream, seen) as judge:
            results = await asyncio.gather(*(grade(judge, score_model()) for _ in range(64)))
    assert {result.reward for result in results} == {0.5}
    assert {result.sampled_model for result in results} == {fake.MODEL}
    spent = [result.usage[fake.MODEL] for result in results]
    assert sorted(usage.total_tokens for usage in spent) == [0] * 63 + [120]
    assert seen.of(JudgeAnswerSought) == [JudgeAnswerSought("flight", "hit")] * 63


async def test_a_failure_is_shared_and_its_tokens_count_once() -> None:
    with serving_upstream(fake.slow(0.2, fake.refusal())) as upstream:
        async with judging(upstream) as judge:
            results = await asyncio.gather(*(grade(judge, score_model()) for _ in range(5)))
    assert [result.causes[0].kind for result in results] == ["judge_refused"] * 5
    assert sum(len(result.usage) for result in results) == 1


async def test_one_after_the_other_is_asked_again() -> None:
    with serving_upstream(fake.verdict(0.25), fake.verdict(0.75)) as upstream:
        async with judging(upstream) as judge:
            rewards = [(await grade(judge, score_model())).reward for _ in range(2)]
    assert rewards == [0.25, 0.75]


@pytest.mark.parametrize(
    ("definition", "fields"),
    [
        (score_model(), {"sample": "another"}),
        (score_model(), {"tenant": "another"}),
        (score_model(model="gpt-4.1"), {}),
        (score_model(range=[0, 2]), {}),
        (score_model(sampling_params={"seed": 1}), {}),
        (score_model(sampling_params={"temperature": 0}), {}),
        (score_model(sampling_params={"max_completions_tokens": 9}), {}),
        (label_model(), {}),
    ],
)
async def test_whatever_differs_keeps_questions_apart(
    definition: dict[str, Any], fields: dict[str, Any]
) -> None:
    def answer(request: fake.Received) -> fake.Answer:
        result = request.body["response_format"]["json_schema"]["schema"]["properties"]["result"]
        return fake.slow(0.2, fake.verdict("good" if "enum" in result else 1))

    with serving_upstream(default=answer) as upstream:
        async with judging(upstream) as judge:
            results = await asyncio.gather(
                grade(judge, score_model()), grade(judge, definition, **fields)
            )
    assert [result.state for result in results] == ["value", "value"]
    assert len(upstream.received) == 2


@pytest.mark.parametrize(
    ("setting", "sampling", "calls"),
    [
        ("off", {"seed": 1}, 2),
        ("deterministic", {}, 2),
        ("deterministic", {"seed": 1}, 1),
        ("deterministic", {"temperature": 0}, 1),
        ("identical", {}, 1),
    ],
)
async def test_the_setting_says_what_may_be_shared(
    setting: str, sampling: dict[str, Any], calls: int
) -> None:
    with serving_upstream(default=SLOW) as upstream:
        async with judging(upstream, judge_single_flight=setting) as judge:
            definition = score_model(sampling_params=sampling)
            await asyncio.gather(*(grade(judge, definition) for _ in range(2)))
    assert len(upstream.received) == calls


async def test_a_question_that_wants_a_fresh_answer_shares_nothing() -> None:
    with serving_upstream(SLOW, SLOW) as upstream:
        async with judging(upstream, judge_cache="memory") as judge:
            question = Question(
                MODEL, [{"role": "user", "content": "?"}], Number(0, 1), use_cache=False
            )
            verdicts = await asyncio.gather(judge.complete(question), judge.complete(question))
    assert [verdict.usage for verdict in verdicts] == [Usage(100, 20, 120, 40)] * 2


async def test_one_that_goes_away_leaves_the_others_their_answer() -> None:
    with serving_upstream(SLOW) as upstream:
        async with judging(upstream) as judge:
            first, second = (asyncio.create_task(grade(judge, score_model())) for _ in range(2))
            await until(lambda: len(upstream.received) == 1)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            result = await second
    assert result.reward == 0.5
    assert result.usage == {fake.MODEL: Usage(100, 20, 120, 40)}


async def test_when_all_go_away_the_call_ends_and_the_next_begins_anew() -> None:
    with serving_upstream(fake.hanging(), fake.verdict(1)) as upstream:
        async with judging(upstream, llm_concurrency=1) as judge, asyncio.timeout(20):
            tasks = [asyncio.create_task(grade(judge, score_model())) for _ in range(3)]
            await until(lambda: len(upstream.received) == 1)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert (await grade(judge, score_model())).reward == 1


async def test_each_gets_an_exception_of_its_own() -> None:
    grader = GRADER.validate_python(score_model())
    with serving_upstream(*[fake.throttled(retry_after_ms="1")] * 4) as upstream:
        async with judging(upstream) as judge:
            tasks = [grader.score(context(judge)) for _ in range(2)]
            first, second = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, JudgeUnavailable)
    assert isinstance(second, JudgeUnavailable)
    assert first is not second
