"""Verdicts that are kept: in memory, in a real Redis, and not at all unless asked for."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader_service.errors import CannotStart, Usage
from grader_service.events import JudgeAnswerSought
from grader_service.judge.open import open_llm
from grader_service.settings import Settings
from tests.fakes import upstream as fake
from tests.fakes.upstream import serving_upstream
from tests.judge.asking import Seen, configuration, grade, judging, score_model

HIT, MISS, ERROR = (JudgeAnswerSought("cache", result) for result in ("hit", "miss", "error"))


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis of our own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip(
            "redis-server is not installed: the Redis cache is NOT tested; apt-get install redis-server"
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        _await_port(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(20)


def _await_port(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("redis-server did not start")


@pytest.fixture(params=["memory", "redis"])
def cache(request: pytest.FixtureRequest) -> str:
    """Each kind of cache, by its setting."""
    return str(request.getfixturevalue("redis")) if request.param == "redis" else "memory"


async def test_without_a_cache_every_grade_is_asked() -> None:
    seen = Seen()
    with serving_upstream(fake.verdict(0.25), fake.verdict(0.75)) as upstream:
        async with judging(upstream, seen) as judge:
            rewards = [(await grade(judge, score_model())).reward for _ in range(2)]
    assert rewards == [0.25, 0.75]
    assert seen.of(JudgeAnswerSought) == []


async def test_a_verdict_is_paid_once(cache: str) -> None:
    seen = Seen()
    with serving_upstream(fake.verdict(0.25)) as upstream:
        async with judging(upstream, seen, judge_cache=cache) as judge:
            first = await grade(judge, score_model(), tenant="paid once")
            second = await grade(judge, score_model(), tenant="paid once")
    assert (first.reward, second.reward) == (0.25, 0.25)
    assert (first.sampled_model, second.sampled_model) == (fake.MODEL, fake.MODEL)
    assert second.usage == {fake.MODEL: Usage()}
    assert seen.of(JudgeAnswerSought) == [MISS, HIT]


async def test_what_differs_is_asked_anew(cache: str) -> None:
    variants: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"tenant": "a"}),
        ({}, {"tenant": "b"}),
        ({}, {"tenant": "a", "sample": "other"}),
        ({"model": "gpt-4.1"}, {"tenant": "a"}),
        ({"range": [0, 5]}, {"tenant": "a"}),
        ({"sampling_params": {"seed": 7}}, {"tenant": "a"}),
    ]
    with serving_upstream(*[fake.verdict(n / 10) for n in range(len(variants))]) as upstream:
        async with judging(upstream, judge_cache=cache) as judge:
            rewards = [
                (await grade(judge, score_model(**fields), **who)).reward
                for fields, who in variants
            ]
    assert rewards == [n / 10 for n in range(len(variants))]


async def test_failures_are_not_kept(cache: str) -> None:
    with serving_upstream(fake.refusal(), fake.completion("nonsense"), fake.verdict(1)) as upstream:
        async with judging(upstream, judge_cache=cache) as judge:
            states = [
                (await grade(judge, score_model(), tenant="failures")).state for _ in range(4)
            ]
    assert states == ["invalid", "invalid", "value", "value"]


async def test_a_verdict_by_its_last_line_is_read_as_such_again(cache: str, tmp_path: Path) -> None:
    with serving_upstream(fake.completion("fine\nScore: 0.5")) as upstream:
        file = configuration(tmp_path, upstream, answer_form="text")
        async with judging(upstream, judges=file, judge_cache=cache) as judge:
            rewards = [
                (await grade(judge, score_model(), tenant="last line")).reward for _ in range(2)
            ]
    assert rewards == [0.5, 0.5]


async def test_memory_forgets_the_least_recent() -> None:
    with serving_upstream(*[fake.verdict(n / 10) for n in range(3)]) as upstream:
        async with judging(upstream, judge_cache="memory", judge_cache_entries=1) as judge:
            rewards = [
                (await grade(judge, score_model(), sample=sample)).reward for sample in "aabba"
            ]
    assert rewards == [0.0, 0.0, 0.1, 0.1, 0.2]


async def test_redis_is_shared_by_servers(redis: str) -> None:
    with serving_upstream(fake.verdict(0.25)) as upstream:
        for _ in range(2):
            async with judging(upstream, judge_cache=redis) as judge:
                assert (await grade(judge, score_model(), tenant="shared")).reward == 0.25


async def test_a_redis_that_is_away_costs_nothing_but_the_call() -> None:
    seen = Seen()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        with serving_upstream(fake.verdict(0.25)) as upstream:
            async with judging(upstream, seen, judge_cache=address) as judge:
                assert (await grade(judge, score_model())).reward == 0.25
    assert seen.of(JudgeAnswerSought) == [ERROR, ERROR]


async def test_something_strange_in_redis_is_asked_anew(redis: str) -> None:
    from redis.asyncio import from_url

    with serving_upstream(fake.verdict(0.25), fake.verdict(0.75)) as upstream:
        async with judging(upstream, judge_cache=redis) as judge:
            await grade(judge, score_model(), tenant="strange")
            async with from_url(redis) as client:
                for key in await client.keys("grader-service:verdict:*"):
                    await client.set(key, json.dumps({"form": "json_schema", "text": "x"}))
            assert (await grade(judge, score_model(), tenant="strange")).reward == 0.75


async def test_a_cache_that_is_none_ends_the_start() -> None:
    settings = Settings(llm_base_url="http://127.0.0.1:1/v1", judge_cache="redis://127.0.0.1:x/0")
    with pytest.raises(CannotStart, match="GRADER_JUDGE_CACHE"):
        async with open_llm(settings, Seen()):
            pass
