"""Accepted work outlives servers: killed ones, stopped ones, and those that are one of several. On both databases."""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests import postgres, processes
from tests.definitions import SCORE_MODEL, STRING_CHECK
from tests.evals.asking import counts, inline, items_of, make_eval, row, wait
from tests.fakes.upstream import Answer, FakeUpstream, Received, serving_upstream, slow, verdict

ROWS = 2000
JUDGED = {
    **SCORE_MODEL,
    "pass_threshold": 1.0,
    "input": [{"role": "user", "content": "row {{item.answer}}"}],
}


def judge(received: Received) -> Answer:
    """Every fourth row fails; each answer takes a while, so that a run can be met half way."""
    number = int(received.body["messages"][-1]["content"].removeprefix("row "))
    return slow(0.02, verdict(0 if number % 4 == 0 else 1))


def rows(first: int = 0, count: int = ROWS) -> dict[str, Any]:
    return inline(*(row(str(number)) for number in range(first, first + count)))


@contextlib.contextmanager
def running(
    store: dict[str, str], upstream: FakeUpstream
) -> Iterator[tuple[processes.Serving, openai.OpenAI]]:
    """A server process on this database, and a client of it."""
    settings = {"sandbox": "off", "llm_base_url": upstream.base_url, "eval_concurrency": 24}
    with (
        processes.serving(**settings, **store) as server,
        openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0) as client,
    ):
        yield server, client


def reach(client: openai.OpenAI, run: Any, graded: int) -> Any:
    """The run once so many rows are graded."""
    while True:
        run = client.evals.runs.retrieve(run.id, eval_id=run.eval_id)
        assert run.status in ("queued", "in_progress")
        if sum(counts(run)[1:]) >= graded:
            return run
        time.sleep(0.01)


def check_whole(client: openai.OpenAI, run: Any) -> list[Any]:
    """Each row once, rightly counted."""
    assert run.status == "completed", run
    assert counts(run) == (ROWS, ROWS * 3 // 4, ROWS // 4, 0)
    (of_criterion,) = run.per_testing_criteria_results
    assert (of_criterion.passed, of_criterion.failed) == (ROWS * 3 // 4, ROWS // 4)
    items = items_of(client, run, limit=100)
    assert [item.datasource_item_id for item in items] == list(range(ROWS))
    first = int(items[0].datasource_item["answer"])
    assert [int(item.datasource_item["answer"]) for item in items] == list(
        range(first, first + ROWS)
    )
    wrong = [
        item for item in items if (item.status == "fail") != (item.datasource_item_id % 4 == 0)
    ]
    assert wrong == []
    return items


def asked(upstream: FakeUpstream) -> Counter[str]:
    return Counter(prompt[-1]["content"] for prompt in upstream.prompts())


def test_a_killed_server_goes_on_where_it_was(store: dict[str, str]) -> None:
    with serving_upstream(default=judge) as upstream:
        with running(store, upstream) as (server, client):
            run = client.evals.runs.create(make_eval(client, JUDGED).id, data_source=rows())
            reach(client, run, 300)
            server.process.kill()
            server.process.wait()
        with running(store, upstream) as (_, client):
            before = client.evals.runs.retrieve(run.id, eval_id=run.eval_id)
            assert 300 <= sum(counts(before)[1:]) < ROWS
            kept = items_of(client, before, limit=100)[:300]
            items = check_whole(client, wait(client, run))
        assert [item.id for item in kept] == [
            item.id for item in items if item.id in {known.id for known in kept}
        ]
        assert len(asked(upstream)) == ROWS
        twice = sum(upstream_count > 1 for upstream_count in asked(upstream).values())
        assert twice < 500  # what was under way, or graded and not written yet


def test_a_stopped_server_leaves_nothing_half_done(store: dict[str, str]) -> None:
    """What it has graded it has written down: only rows under way are asked for again."""
    with serving_upstream(default=judge) as upstream:
        with running(store, upstream) as (server, client):
            run = client.evals.runs.create(make_eval(client, JUDGED).id, data_source=rows())
            reach(client, run, 300)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(30) == 0
        with running(store, upstream) as (_, client):
            check_whole(client, wait(client, run))
        assert sum(asked(upstream).values()) <= ROWS + 24


def test_two_servers_share_the_runs_of_one_database(cluster: Path) -> None:
    """And where one is killed, the other does its part, too."""
    store = {"database_url": postgres.new_database(cluster)}
    with (
        serving_upstream(default=judge) as upstream,
        running(store, upstream) as (first, one),
        running(store, upstream) as (second, two),
    ):
        made = make_eval(one, JUDGED)
        here = one.evals.runs.create(made.id, data_source=rows())
        there = two.evals.runs.create(made.id, data_source=rows(first=10_000))
        reach(two, here, 200)
        reach(one, there, 200)
        first.process.kill()
        first.process.wait()
        check_whole(two, wait(two, there))
        check_whole(two, wait(two, here))
        started = [event for event in second.events() if event["event"] == "run_started"]
        assert {event["run_id"] for event in started} == {here.id, there.id}
        mine = [event["run_id"] for event in first.events() if event["event"] == "run_started"]
        assert mine == [here.id]


def test_two_servers_that_start_at_once_make_one_schema(store: dict[str, str]) -> None:
    with contextlib.ExitStack() as stack:
        contexts = [processes.serving(sandbox="off", **store) for _ in range(3)]

        async def enter() -> list[processes.Serving]:
            return await asyncio.gather(
                *(asyncio.to_thread(stack.enter_context, context) for context in contexts)
            )

        servers = asyncio.run(enter())
        for server in servers:
            with openai.OpenAI(base_url=f"{server.address}/v1", api_key="none") as client:
                made = make_eval(client, {**STRING_CHECK, "input": "{{item.answer}}"})
                run = client.evals.runs.create(made.id, data_source=inline(row("a"), row("b")))
                assert counts(wait(client, run)) == (2, 2, 0, 0)


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"database_url": "mysql://x/y"}, "postgresql://"),
        ({"database_url": "no address"}, "postgresql://"),
        ({"database_url": "postgresql://nobody@127.0.0.1:1/x"}, "GRADER_DATABASE_URL"),
        ({"data_dir": "/proc/nowhere"}, "GRADER_DATA_DIR"),
    ],
)
def test_a_database_that_cannot_be_used_ends_the_start(settings: dict, hint: str) -> None:
    process = processes.start("serve", port=0, sandbox="off", log_level="error", **settings)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    (line,) = errors.splitlines()
    assert line.startswith("error: ")
    assert hint in line
