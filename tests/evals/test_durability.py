"""Accepted work outlives servers: killed ones, stopped ones, and those that are one of several. On both databases."""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests import postgres, processes
from tests.definitions import SCORE_MODEL, STRING_CHECK, TEXT_SIMILARITY
from tests.evals.asking import counts, inline, items_of, make_eval, row, wait
from tests.fakes.upstream import serving_upstream, slow, verdict

ROWS = 2000
WORDS = " ".join(f"word{number % 37}" for number in range(40))
SLOW: dict[str, Any] = {
    "type": "multi",
    "name": "slow",
    "graders": {
        "exact": STRING_CHECK,
        "work": {
            **TEXT_SIMILARITY,
            "evaluation_metric": "bleu",
            "input": f"{{{{item.answer}}}} {WORDS}",
            "reference": WORDS,
        },
    },
    "calculate_output": "exact + 0 * work",
    "pass_threshold": 1.0,
}
"""About a millisecond for each row, so that a run can be met half way."""

JUDGED = {**SCORE_MODEL, "input": [{"role": "user", "content": "row {{item.answer}}"}]}


def rows(first: int = 0, count: int = ROWS) -> dict[str, Any]:
    """Every fourth row fails."""
    numbers = range(first, first + count)
    return inline(
        *(
            row(str(number), {"output_text": f"{number if number % 4 else 'no'}"})
            for number in numbers
        )
    )


@contextlib.contextmanager
def running(
    store: dict[str, str], **settings: Any
) -> Iterator[tuple[processes.Serving, openai.OpenAI]]:
    """A server process on this database, and a client of it."""
    with (
        processes.serving(sandbox="off", **store, **settings) as server,
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


def test_a_killed_server_goes_on_where_it_was(store: dict[str, str]) -> None:
    with running(store) as (server, client):
        run = client.evals.runs.create(make_eval(client, SLOW).id, data_source=rows())
        run = reach(client, run, 300)
        kept = client.evals.runs.output_items.list(run.id, eval_id=run.eval_id, limit=100)
        server.process.kill()
        server.process.wait()
        assert "run_ended" not in {event["event"] for event in server.events()}
    with running(store) as (_, client):
        before = client.evals.runs.retrieve(run.id, eval_id=run.eval_id)
        assert sum(counts(before)[1:]) >= 300
        items = check_whole(client, wait(client, run))
    assert {item.id for item in kept.data} <= {item.id for item in items}


def test_a_stopped_server_leaves_nothing_half_done(store: dict[str, str]) -> None:
    """What it has graded it has written down: only rows under way are asked for again."""
    with serving_upstream(default=slow(0.02, verdict(1))) as upstream:
        settings = {"llm_base_url": upstream.base_url, "eval_concurrency": 8}
        with running(store, **settings) as (server, client):
            made = make_eval(client, JUDGED)
            run = client.evals.runs.create(made.id, data_source=rows(count=300))
            reach(client, run, 50)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(30) == 0
        with running(store, **settings) as (_, client):
            assert counts(wait(client, run)) == (300, 300, 0, 0)
        asked = Counter(prompt[-1]["content"] for prompt in upstream.prompts())
    assert len(asked) == 300
    assert sum(asked.values()) <= 300 + 8


def test_two_servers_share_the_runs_of_one_database(cluster: postgres.Cluster) -> None:
    """And where one is killed, the other does its part, too."""
    store = {"database_url": cluster.new_database()}
    with running(store) as (first, one), running(store) as (second, two):
        made = make_eval(one, SLOW)
        here = one.evals.runs.create(made.id, data_source=rows())
        there = two.evals.runs.create(made.id, data_source=rows(first=10_000))
        reach(two, here, 200)
        first.process.kill()
        first.process.wait()
        check_whole(two, wait(two, there))
        check_whole(two, wait(two, here))
        started = [event for event in second.events() if event["event"] == "run_started"]
        assert {event["run_id"] for event in started} == {here.id, there.id}
        mine = [event["run_id"] for event in first.events() if event["event"] == "run_started"]
        assert mine == [here.id]


def test_a_database_that_is_away_for_a_while_costs_nothing_but_time() -> None:
    """Requests are told to come back, and the run goes on."""
    binaries = postgres.programs()
    if binaries is None:
        pytest.skip("NOT TESTED ON POSTGRESQL: its programs are not here (apt install postgresql)")
    with (
        postgres.cluster(binaries) as own,
        running({"database_url": own.new_database()}) as (
            server,
            client,
        ),
    ):
        made = make_eval(client, SLOW)
        run = client.evals.runs.create(made.id, data_source=rows())
        reach(client, run, 100)
        own.stop()
        for _ in range(3):
            with pytest.raises(openai.InternalServerError) as caught:
                client.evals.retrieve(made.id)
            assert caught.value.status_code == 503
            assert "database" in str(caught.value)
        while '"store_failed"' not in server.log.read_text():
            time.sleep(0.05)
        own.start()
        check_whole(client, wait(client, run))
        assert '"defect"' not in server.log.read_text()


def test_a_standby_in_place_of_the_primary_is_a_database_that_is_away(
    cluster: postgres.Cluster,
) -> None:
    """As after a failover: it answers, and takes nothing."""
    address = cluster.new_database()
    with running({"database_url": address}) as (server, client):
        made = make_eval(client, SLOW)
        run = client.evals.runs.create(made.id, data_source=rows())
        reach(client, run, 100)
        cluster.let_write(address, allowed=False)
        with pytest.raises(openai.InternalServerError) as caught:
            client.evals.update(made.id, name="other")
        assert caught.value.status_code == 503
        while '"store_failed"' not in server.log.read_text():
            time.sleep(0.05)
        cluster.let_write(address, allowed=True)
        check_whole(client, wait(client, run))
        assert '"defect"' not in server.log.read_text()


def test_two_servers_that_start_at_once_make_one_schema(store: dict[str, str]) -> None:
    with contextlib.ExitStack() as stack:
        contexts = [processes.serving(sandbox="off", **store) for _ in range(2)]

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
