"""What an upstream can do to a grade, and what the judge makes of it: retries, fall-backs, deadlines, the breaker."""

import asyncio
import email.utils
import random
import time
from pathlib import Path
from typing import Any

import pytest

from grader_service.errors import Usage
from grader_service.events import BreakerChanged, JudgeAnswered
from grader_service.graders.result import Result
from grader_service.judge.base import Load
from tests.fakes import upstream as fake
from tests.fakes.upstream import serving_upstream
from tests.judge.asking import (
    PRICE,
    Seen,
    configuration,
    grade,
    graded,
    judging,
    label_model,
    score_model,
    until,
)

SOON = {"retry-after-ms": "20"}


def soon(answer: fake.Answer) -> fake.Answer:
    """The same, with a wait that tests can afford."""
    return fake.replace(answer, headers=SOON)


@pytest.mark.parametrize(
    "trouble",
    [
        fake.throttled(retry_after_ms="20"),
        soon(fake.error(500)),
        soon(fake.error(503)),
        soon(fake.error(408)),
        soon(fake.error(409)),
        fake.broken_json(),
        fake.cut_short(),
        fake.Answer(raw=b"<html>gateway</html>"),
        fake.Answer(body=[]),
        fake.Answer(body={"choices": []}),
        fake.Answer(body={"choices": [{"message": {"content": 5}}]}),
    ],
)
async def test_what_may_pass_is_tried_again(trouble: fake.Answer) -> None:
    with serving_upstream(trouble, fake.verdict(0.5)) as upstream:
        result = await graded(upstream, score_model())
    assert (result.reward, result.state) == (0.5, "value")
    assert len(upstream.received) == 2


@pytest.mark.parametrize(
    ("trouble", "kind", "flag"),
    [
        (fake.error(401, "Incorrect API key"), "judge_rejected", "model_grader_server_error"),
        (fake.error(403), "judge_rejected", "model_grader_server_error"),
        (fake.error(404, "no such model"), "judge_rejected", "model_grader_server_error"),
        (
            fake.error(400, "bad parameter", param="seed"),
            "judge_rejected",
            "model_grader_server_error",
        ),
        (
            fake.error(429, "quota", code="insufficient_quota"),
            "judge_rejected",
            "model_grader_server_error",
        ),
        (
            fake.Answer(307, headers={"location": "/elsewhere"}),
            "judge_rejected",
            "model_grader_server_error",
        ),
        (
            fake.error(400, "too long", code="context_length_exceeded"),
            "text_too_large",
            "other_error",
        ),
        (fake.error(413, "too long"), "text_too_large", "other_error"),
        (
            fake.error(400, "no", code="content_filter"),
            "judge_content_filtered",
            "model_grader_refusal_error",
        ),
        (
            fake.error(400, "no", innererror={"code": "ResponsibleAIPolicyViolation"}),
            "judge_content_filtered",
            "model_grader_refusal_error",
        ),
    ],
)
async def test_what_cannot_pass_is_told_at_once(trouble: fake.Answer, kind: str, flag: str) -> None:
    with serving_upstream(trouble) as upstream:
        result = await graded(upstream, score_model())
    (cause,) = result.causes
    assert (cause.kind, cause.flag, result.retryable) == (kind, flag, False)
    assert cause.failed == (kind == "judge_rejected")
    assert result.usage == {}


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (
            soon(fake.error(500, "the disk is full")),
            "answered 500: the disk is full (after 4 tries)",
        ),
        (fake.throttled(retry_after_ms="20"), "answered 429: slow down (after 4 tries)"),
    ],
)
async def test_what_does_not_pass_is_told_after_the_last_try(
    trouble: fake.Answer, said: str
) -> None:
    with serving_upstream(*[trouble] * 4) as upstream:
        result = await graded(upstream, score_model())
    (cause,) = result.causes
    assert (cause.kind, result.state, result.retryable) == ("judge_unavailable", "failed", True)
    assert said in cause.details


async def test_an_upstream_that_is_not_there_is_told(tmp_path: Path) -> None:
    with serving_upstream() as upstream:
        file = configuration(tmp_path, upstream, tries=1)
    async with judging(upstream, judges=file) as judge:
        result = await grade(judge, score_model())
    (cause,) = result.causes
    assert cause.kind == "judge_unavailable"
    assert "cannot be reached" in cause.details


def _in_two_seconds() -> str:
    return email.utils.formatdate(time.time() + 2, usegmt=True)


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        ({"retry-after": "0.3"}, 0.3),
        ({"retry-after-ms": "300"}, 0.3),
        ({"retry-after": _in_two_seconds}, 0.5),
    ],
)
async def test_the_upstream_says_how_long_to_wait(wait: dict[str, Any], seconds: float) -> None:
    headers = {name: value() if callable(value) else value for name, value in wait.items()}
    trouble = fake.replace(fake.error(429), headers=headers)
    with serving_upstream(trouble, fake.verdict(1)) as upstream:
        started = time.monotonic()
        result = await graded(upstream, score_model())
    assert result.state == "value"
    assert time.monotonic() - started >= seconds


async def test_one_that_is_told_to_wait_holds_the_others_back() -> None:
    with serving_upstream(fake.throttled(retry_after="0.4"), default=fake.verdict(1)) as upstream:
        async with judging(upstream) as judge:
            first = asyncio.create_task(grade(judge, score_model(), sample="first"))
            await until(lambda: len(upstream.received) == 1)
            await asyncio.sleep(0.05)
            started = time.monotonic()
            second = await grade(judge, score_model(), sample="second")
            assert time.monotonic() - started >= 0.2
            assert (second.state, (await first).state) == ("value", "value")


async def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    with serving_upstream(fake.throttled(retry_after="3600")) as upstream:
        async with judging(upstream) as judge, asyncio.timeout(20):
            result = await grade(judge, score_model())
    (cause,) = result.causes
    assert (cause.kind, result.retryable) == ("judge_unavailable", True)
    assert "no time for another try" in cause.details


async def test_a_judge_that_hangs_is_given_up_at_the_deadline() -> None:
    with serving_upstream(fake.hanging()) as upstream:
        async with judging(upstream, judge_timeout_seconds=0.3) as judge, asyncio.timeout(20):
            result = await grade(judge, score_model())
    (cause,) = result.causes
    assert (cause.flag, cause.kind) == ("model_grader_server_error", "judge_timed_out")
    assert (result.state, result.retryable) == ("failed", True)


async def test_a_try_that_hangs_leaves_time_for_another(tmp_path: Path) -> None:
    with serving_upstream(fake.hanging(), fake.verdict(1)) as upstream:
        file = configuration(tmp_path, upstream, timeout_seconds=0.2)
        async with judging(upstream, judges=file) as judge, asyncio.timeout(20):
            result = await grade(judge, score_model())
    assert result.reward == 1


async def test_a_turn_is_waited_for_until_the_deadline(tmp_path: Path) -> None:
    with serving_upstream(fake.verdict(1)) as upstream:
        file = configuration(tmp_path, upstream, requests_per_minute=1)
        async with judging(upstream, judges=file, judge_timeout_seconds=0.5) as judge:
            first = await grade(judge, score_model(), sample="first")
            second = await grade(judge, score_model(), sample="second")
    (cause,) = second.causes
    assert (first.reward, cause.kind) == (1, "judge_timed_out")
    assert "no turn" in cause.details


async def test_an_upstream_that_wants_to_be_left_alone_is_not_waited_for_in_vain() -> None:
    with serving_upstream(fake.throttled(retry_after="3600")) as upstream:
        async with judging(upstream, judge_timeout_seconds=60) as judge, asyncio.timeout(20):
            await grade(judge, score_model(), sample="first")
            second = await grade(judge, score_model(), sample="second")
    (cause,) = second.causes
    assert (cause.kind, second.retryable) == ("judge_unavailable", True)
    assert "asks to be left alone" in cause.details


async def test_an_upstream_without_schemas_is_asked_for_json_and_remembered() -> None:
    script = (fake.form_unknown(), fake.verdict(0.5), fake.verdict(0.75))
    with serving_upstream(*script) as upstream:
        async with judging(upstream) as judge:
            first = await grade(judge, score_model(), sample="a")
            second = await grade(judge, score_model(), sample="b")
    assert (first.reward, second.reward) == (0.5, 0.75)
    bodies = [request.body for request in upstream.received]
    assert [body["response_format"]["type"] for body in bodies] == [
        "json_schema",
        "json_object",
        "json_object",
    ]
    assert [len(body["messages"]) for body in bodies] == [1, 2, 2]
    assert bodies[1]["messages"][0] == bodies[0]["messages"][0]
    assert bodies[1]["messages"][1]["role"] == "system"
    assert '"steps"' in bodies[1]["messages"][1]["content"]


async def test_an_upstream_without_any_form_is_read_by_its_last_line() -> None:
    script = (
        fake.form_unknown(),
        fake.form_unknown("json_object"),
        fake.completion("Good.\nScore: 0.5"),
    )
    with serving_upstream(*script, fake.completion("It is 0.5, I think")) as upstream:
        async with judging(upstream) as judge:
            first = await grade(judge, score_model(), sample="a")
            second = await grade(judge, score_model(), sample="b")
    assert first.reward == 0.5
    assert [cause.kind for cause in second.causes] == ["judge_answer_invalid"]
    last = upstream.received[-1].body
    assert "response_format" not in last
    assert last["messages"] == [{"role": "user", "content": "Rate b"}]


async def test_a_prompt_that_makes_an_upstream_say_response_format_spoils_it_for_nobody_else() -> (
    None
):
    quoting = fake.error(400, "cannot read the message 'use response_format'")
    with serving_upstream(quoting, quoting, quoting, fake.verdict(0.5)) as upstream:
        async with judging(upstream) as judge:
            bad = await grade(judge, score_model(), sample="use response_format")
            good = await grade(judge, score_model(), sample="other")
    assert [cause.kind for cause in bad.causes] == ["judge_rejected"]
    assert good.reward == 0.5
    assert upstream.received[-1].body["response_format"]["type"] == "json_schema"


async def test_labels_without_any_form(tmp_path: Path) -> None:
    with serving_upstream(fake.completion("Fine.\nLabel: good")) as upstream:
        file = configuration(tmp_path, upstream, answer_form="text")
        async with judging(upstream, judges=file) as judge:
            result = await grade(judge, label_model())
    assert result.reward == 1


async def test_the_breaker_opens_probes_and_closes(tmp_path: Path) -> None:
    seen = Seen()
    with serving_upstream(
        soon(fake.error(500)), soon(fake.error(500)), soon(fake.error(500)), fake.verdict(1)
    ) as upstream:
        file = configuration(tmp_path, upstream, tries=1, breaker_failures=2, breaker_seconds=0.2)
        async with judging(upstream, seen, judges=file) as judge:
            for _ in range(2):
                await grade(judge, score_model())
            left_alone = await grade(judge, score_model())
            assert len(upstream.received) == 2
            await asyncio.sleep(0.25)
            probe = await grade(judge, score_model())
            await asyncio.sleep(0.25)
            healthy = await grade(judge, score_model())
    assert "left alone" in left_alone.causes[0].details
    assert (left_alone.causes[0].kind, left_alone.retryable) == ("judge_unavailable", True)
    assert "answered 500" in probe.causes[0].details
    assert healthy.reward == 1
    states = [event.state for event in seen.of(BreakerChanged)]
    assert states == ["open", "half_open", "open", "half_open", "closed"]


async def test_a_cancelled_probe_makes_way_for_another(tmp_path: Path) -> None:
    with serving_upstream(fake.error(500), fake.hanging(), fake.verdict(1)) as upstream:
        file = configuration(tmp_path, upstream, tries=1, breaker_failures=1, breaker_seconds=0.1)
        async with judging(upstream, judges=file) as judge, asyncio.timeout(20):
            await grade(judge, score_model())
            await asyncio.sleep(0.15)
            probe = asyncio.create_task(grade(judge, score_model()))
            await until(lambda: len(upstream.received) == 2)
            probe.cancel()
            with pytest.raises(asyncio.CancelledError):
                await probe
            assert (await grade(judge, score_model())).reward == 1


async def test_being_throttled_says_nothing_about_health(tmp_path: Path) -> None:
    with serving_upstream(*[fake.throttled()] * 3, fake.verdict(1)) as upstream:
        file = configuration(tmp_path, upstream, tries=1, breaker_failures=1)
        async with judging(upstream, judges=file) as judge:
            for _ in range(3):
                await grade(judge, score_model())
            assert (await grade(judge, score_model())).reward == 1


async def test_never_more_at_once_than_configured(tmp_path: Path) -> None:
    with serving_upstream(default=fake.slow(0.05, fake.verdict(1))) as upstream:
        file = configuration(tmp_path, upstream, concurrency=3)
        async with judging(upstream, judges=file) as judge:
            results = await asyncio.gather(
                *(grade(judge, score_model(), sample=str(n)) for n in range(12))
            )
    assert {result.reward for result in results} == {1}
    assert upstream.most_at_once == 3


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [({"requests_per_minute": 120}, 0.9), ({"tokens_per_minute": 72_000}, 0.4)],
)
async def test_no_more_in_a_minute_than_configured(
    tmp_path: Path, limit: dict[str, float], seconds: float
) -> None:
    """A twentieth of a minute's allowance may go at once, the rest follows evenly."""
    with serving_upstream(default=fake.verdict(1)) as upstream:
        file = configuration(tmp_path, upstream, **limit)
        async with judging(upstream, judges=file) as judge:
            started = time.monotonic()
            await asyncio.gather(*(grade(judge, score_model(), sample=str(n)) for n in range(9)))
    assert time.monotonic() - started >= seconds
    assert len(upstream.received) == 9


async def test_those_who_give_up_waiting_leave_their_turn_to_others(tmp_path: Path) -> None:
    """60 a minute: three at once, then one a second; ten that give up must not cost ten seconds."""
    with serving_upstream(default=fake.verdict(1)) as upstream:
        file = configuration(tmp_path, upstream, requests_per_minute=60)
        async with judging(upstream, judges=file, judge_timeout_seconds=3) as judge:
            tasks = [
                asyncio.create_task(grade(judge, score_model(), sample=str(n))) for n in range(13)
            ]
            await until(lambda: len(upstream.received) >= 3)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert (await grade(judge, score_model())).reward == 1


async def test_tokens_that_were_used_beyond_the_estimate_count(tmp_path: Path) -> None:
    """The estimates of all four would go at once: 3,000 tokens may."""
    usage = {"prompt_tokens": 1400, "completion_tokens": 100, "total_tokens": 1500}
    with serving_upstream(default=fake.verdict(1, usage=usage)) as upstream:
        file = configuration(tmp_path, upstream, tokens_per_minute=60_000)
        async with judging(upstream, judges=file) as judge:
            started = time.monotonic()
            for n in range(4):
                await grade(judge, score_model(), sample=str(n))
    assert time.monotonic() - started >= 1.2


async def test_each_try_is_an_event_with_configured_names_and_its_cost(tmp_path: Path) -> None:
    seen = Seen()
    with serving_upstream(soon(fake.error(500)), fake.verdict(1)) as upstream:
        file = configuration(tmp_path, upstream, rule={"model": "real-model"})
        async with judging(upstream, seen, judges=file) as judge:
            result = await grade(judge, score_model(model="whatever-the-caller-says"))
    assert upstream.received[0].body["model"] == "real-model"
    failed, answered = seen.of(JudgeAnswered)
    assert (failed.upstream, failed.model, failed.outcome, failed.usage) == (
        "fake",
        "*",
        "failed",
        Usage(),
    )
    assert (answered.model, answered.outcome, answered.usage) == (
        "*",
        "answered",
        Usage(100, 20, 120, 40),
    )
    assert answered.cost == pytest.approx((60 * 10 + 40 * 5 + 20 * 100) / 1e6)
    assert result.usage == {fake.MODEL: Usage(100, 20, 120, 40)}


async def test_an_upstream_that_names_no_model_and_no_usage() -> None:
    answer = fake.verdict(1, usage=None)
    body = {key: value for key, value in answer.body.items() if key != "model"}
    with serving_upstream(fake.replace(answer, body=body)) as upstream:
        result = await graded(upstream, score_model())
    assert (result.reward, result.sampled_model) == (1, "gpt-4o-2024-08-06")
    assert result.usage == {"gpt-4o-2024-08-06": Usage()}


async def test_azure_has_its_own_path_version_and_header(tmp_path: Path) -> None:
    with serving_upstream(fake.verdict(1), fake.embeddings([1.0])) as upstream:
        file = configuration(
            tmp_path,
            upstream,
            rule={"model": "my-deployment"},
            kind="azure",
            api_version="2025-04-01-preview",
            base_url=upstream.root,
            api_key_env="TESTS_AZURE_KEY",
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TESTS_AZURE_KEY", "azure-key-12345")
            patch.setenv("AZURE_OPENAI_AD_TOKEN", "someone-elses-token")
            async with judging(upstream, judges=file) as judge:
                assert (await grade(judge, score_model())).reward == 1
                await judge.embed(["a"])
    chat, embedding = upstream.received
    assert chat.path == "/openai/deployments/my-deployment/chat/completions"
    assert embedding.path == "/openai/deployments/my-deployment/embeddings"
    assert chat.query == {"api-version": "2025-04-01-preview"}
    assert chat.headers["api-key"] == "azure-key-12345"
    assert "Authorization" not in chat.headers


async def test_servers_that_know_no_developer_get_a_system_message(tmp_path: Path) -> None:
    definition = score_model(input=[{"role": "developer", "content": "Judge."}])
    with serving_upstream(fake.verdict(1)) as upstream:
        file = configuration(
            tmp_path, upstream, developer_role="system", token_limit="max_completion_tokens"
        )
        async with judging(upstream, judges=file) as judge:
            await grade(judge, definition)
    body = upstream.received[0].body
    assert body["messages"] == [{"role": "system", "content": "Judge."}]
    assert body["max_completion_tokens"] == 4096


async def test_a_slow_judge_delays_no_other_grader() -> None:
    check = {"type": "string_check", "name": "c", "operation": "eq", "input": "a", "reference": "a"}
    with serving_upstream(default=fake.slow(1.0, fake.verdict(1))) as upstream:
        async with judging(upstream, llm_concurrency=2) as judge:
            slow = [
                asyncio.create_task(grade(judge, score_model(), sample=str(n))) for n in range(4)
            ]
            await until(lambda: len(upstream.received) == 2)
            assert judge.load() == {"llm": Load(in_flight=2, waiting=2, breaker="closed")}
            checked = await asyncio.gather(*(grade(judge, check) for _ in range(200)))
            assert not any(task.done() for task in slow)
            assert {result.reward for result in checked} == {1.0}
            await asyncio.gather(*slow)


async def test_in_a_storm_every_grade_is_its_own_or_a_named_failure(tmp_path: Path) -> None:
    """A third of all tries fail somehow, some callers go away: nothing is mixed up, and nothing stays behind."""
    faults = [soon(fake.error(500)), fake.throttled(retry_after_ms="5"), soon(fake.cut_short())]
    chance = random.Random(7)

    def weather(request: fake.Received) -> fake.Answer:
        if chance.random() < 0.33:
            return chance.choice(faults)
        return fake.slow(chance.random() / 50, fake.obliging(request))

    with serving_upstream(default=weather) as upstream:
        file = configuration(tmp_path, upstream, concurrency=8, breaker_failures=1000, price=PRICE)
        settings = {"judges": file, "state_dir": tmp_path / "state", "budget_total": 1e6}
        async with judging(upstream, **settings) as judge:
            tasks = [
                asyncio.create_task(grade(judge, score_model(), sample=f"score: 0.{n}"))
                for n in range(10, 130)
            ]
            await until(lambda: len(upstream.received) > 20)
            for task in tasks[::10]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            load = judge.load()
    assert load == {"fake": Load(0, 0, "closed")}
    kinds = set()
    for n, result in enumerate(results, start=10):
        if isinstance(result, asyncio.CancelledError):
            continue
        assert isinstance(result, Result)
        kinds |= {cause.kind for cause in result.causes}
        assert result.state == "failed" or result.reward == float(f"0.{n}")
    assert kinds <= {"judge_unavailable"}
    assert sum(isinstance(result, Result) and result.state == "value" for result in results) > 90
