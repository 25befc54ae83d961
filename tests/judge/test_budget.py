"""The spending guard: refuses before it is too late, whatever happens at once, and remembers over restarts."""

import asyncio
import contextlib
import datetime as dt
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from grader_service.errors import BudgetExhausted, CannotStart, JudgeTimedOut, Usage
from grader_service.events import BudgetCharged
from grader_service.judge.budget import cost, open_ledger
from grader_service.judge.config import Price
from grader_service.judge.open import open_llm
from grader_service.settings import Settings
from tests.fakes import upstream as fake
from tests.fakes.upstream import serving_upstream
from tests.judge.asking import Seen, configuration, grade, judging, score_model, until

UNIT = {"input": 0.0, "output": 1e6}
"""One completion token costs 1."""

ONE_TOKEN = score_model(sampling_params={"max_completions_tokens": 1})


def spending(tokens: int) -> fake.Answer:
    usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}
    return fake.verdict(1, usage=usage)


def guarded(tmp_path: Path, upstream: fake.FakeUpstream, **limits: Any) -> dict[str, Any]:
    file = configuration(tmp_path, upstream, price=UNIT, **limits)
    return {"judges": file, "state_dir": tmp_path / "state"}


def test_cached_tokens_have_their_own_price_where_they_have_one() -> None:
    usage = Usage(prompt_tokens=100, completion_tokens=10, total_tokens=110, cached_tokens=40)
    assert cost(Price(input=10, output=100, cached=5), usage) == pytest.approx(1800e-6)
    assert cost(Price(input=10, output=100), usage) == pytest.approx(2000e-6)


@pytest.mark.parametrize("setting", ["budget_per_day", "budget_total"])
async def test_what_is_used_up_is_refused_and_nothing_is_sent(tmp_path: Path, setting: str) -> None:
    seen = Seen()
    with serving_upstream(spending(1), spending(1)) as upstream:
        settings = guarded(tmp_path, upstream) | {setting: 2.5}
        async with judging(upstream, seen, **settings) as judge:
            results = [await grade(judge, ONE_TOKEN, sample=str(n)) for n in range(4)]
    assert [result.state for result in results] == ["value", "value", "failed", "failed"]
    (cause,) = results[-1].causes
    assert (cause.flag, cause.kind) == ("model_grader_server_error", "budget_exhausted")
    assert f"GRADER_{setting.upper()}" in cause.details
    assert "0.5 is left" in cause.details
    assert seen.of(BudgetCharged)[-1] == BudgetCharged(2.0, 2.0)


async def test_calls_at_once_cannot_overshoot_together(tmp_path: Path) -> None:
    with serving_upstream(default=fake.slow(0.1, spending(1))) as upstream:
        settings = guarded(tmp_path, upstream)
        async with judging(upstream, budget_total=5, **settings) as judge:
            grades = (grade(judge, ONE_TOKEN, sample=str(n)) for n in range(30))
            results = await asyncio.gather(*grades)
    assert sorted(result.state for result in results) == ["failed"] * 25 + ["value"] * 5
    assert len(upstream.received) == 5


async def test_what_others_have_only_reserved_is_waited_for(tmp_path: Path) -> None:
    """Each may cost 4 of 5 and costs 1: one at a time, but both."""
    definition = score_model(sampling_params={"max_completions_tokens": 4})
    with serving_upstream(default=fake.slow(0.05, spending(1))) as upstream:
        settings = guarded(tmp_path, upstream)
        async with judging(upstream, budget_total=5, **settings) as judge:
            grades = (grade(judge, definition, sample=str(n)) for n in range(2))
            results = await asyncio.gather(*grades)
    assert [result.state for result in results] == ["value", "value"]
    assert upstream.most_at_once == 1


async def test_what_a_hanging_call_has_reserved_is_charged_in_the_end(tmp_path: Path) -> None:
    with serving_upstream(fake.hanging()) as upstream:
        settings = guarded(tmp_path, upstream) | {"judge_timeout_seconds": 0.5}
        async with judging(upstream, budget_total=1, **settings) as judge:
            first = asyncio.create_task(grade(judge, ONE_TOKEN, sample="first"))
            await until(lambda: len(upstream.received) == 1)
            await asyncio.sleep(0.25)  # the second's deadline shall not come with the first's
            second = asyncio.create_task(grade(judge, ONE_TOKEN, sample="second"))
            assert (await first).causes[0].kind == "judge_timed_out"
            assert (await second).causes[0].kind == "budget_exhausted"


async def test_others_are_waited_for_until_the_deadline(tmp_path: Path) -> None:
    with open_ledger(tmp_path, 1.0, None, Seen()) as ledger:
        async with ledger.reserve(1.0, 10):
            with pytest.raises(JudgeTimedOut, match="reserved by other calls"):
                async with ledger.reserve(1.0, 0.05):
                    pass


async def test_it_is_remembered_over_a_restart(tmp_path: Path) -> None:
    with serving_upstream(spending(1), spending(1)) as upstream:
        settings = guarded(tmp_path, upstream)
        states = []
        for n in range(3):
            async with judging(upstream, budget_total=2, **settings) as judge:
                states.append((await grade(judge, ONE_TOKEN, sample=str(n))).state)
    assert states == ["value", "value", "failed"]


async def test_yesterdays_spending_is_not_todays(tmp_path: Path) -> None:
    record = tmp_path / "state" / "spending.json"
    record.parent.mkdir()
    record.write_text(json.dumps({"day": "2020-01-01", "today": 5.0, "total": 5.0}))
    seen = Seen()
    with serving_upstream(spending(1)) as upstream:
        settings = guarded(tmp_path, upstream)
        async with judging(upstream, seen, budget_per_day=5, budget_total=10, **settings) as judge:
            assert (await grade(judge, ONE_TOKEN)).state == "value"
    assert seen.of(BudgetCharged) == [BudgetCharged(0.0, 5.0), BudgetCharged(1.0, 6.0)]


async def test_what_is_in_flight_counts_as_spent_should_the_server_die(tmp_path: Path) -> None:
    with serving_upstream(fake.hanging()) as upstream:
        async with judging(upstream, budget_total=5, **guarded(tmp_path, upstream)) as judge:
            task = asyncio.create_task(grade(judge, ONE_TOKEN))
            await until(lambda: len(upstream.received) == 1)
            record = json.loads((tmp_path / "state" / "spending.json").read_text())
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert (record["today"], record["total"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("trouble", "charged"),
    [
        (fake.error(500), 0),
        (fake.throttled(), 0),
        (fake.error(400), 0),
        (fake.cut_short(), 1),
        (fake.broken_json(), 1),
        (fake.hanging(), 1),
        (fake.refusal(), 20),
        (fake.verdict(1, usage=None), 1),
        (fake.verdict(1, usage={}), 1),
        (fake.verdict(1, usage={"prompt_tokens": None, "total_tokens": 9}), 1),
        (fake.verdict(1, usage={"prompt_tokens": 0, "completion_tokens": 0}), 1),
    ],
)
async def test_what_may_have_been_paid_is_charged(
    tmp_path: Path, trouble: fake.Answer, charged: int
) -> None:
    seen = Seen()
    with serving_upstream(trouble) as upstream:
        settings = guarded(tmp_path, upstream, tries=1, timeout_seconds=0.3)
        async with judging(upstream, seen, budget_total=100, **settings) as judge:
            await grade(judge, ONE_TOKEN)
    assert seen.of(BudgetCharged) == [BudgetCharged(0, 0), BudgetCharged(charged, charged)]


async def test_embeddings_are_charged_too(tmp_path: Path) -> None:
    seen = Seen()
    with serving_upstream(fake.embeddings([1.0])) as upstream:
        file = configuration(tmp_path, upstream, price={"input": 1e6})
        settings = {"judges": file, "state_dir": tmp_path, "budget_total": 100}
        async with judging(upstream, seen, **settings) as judge:
            await judge.embed(["a few words"])
    assert seen.of(BudgetCharged)[-1] == BudgetCharged(8.0, 8.0)


async def test_a_record_that_cannot_be_written_stops_the_spending(tmp_path: Path) -> None:
    with serving_upstream() as upstream:
        settings = guarded(tmp_path, upstream)
        async with judging(upstream, budget_total=5, **settings) as judge:
            (tmp_path / "state" / "spending.new").mkdir()
            result = await grade(judge, ONE_TOKEN)
    (cause,) = result.causes
    assert cause.kind == "judge_unavailable"
    assert "cannot be written down" in cause.details


async def _opened(**settings: Any) -> None:
    async with open_llm(Settings(**settings), Seen()):
        pass


async def test_a_budget_without_prices_ends_the_start(tmp_path: Path) -> None:
    address = {"llm_base_url": "http://127.0.0.1:1/v1", "state_dir": tmp_path}
    with pytest.raises(CannotStart, match=r"no price for 'gpt-4o'.*GRADER_LLM_PRICE"):
        await _opened(**address, budget_total=1)
    await _opened(**address, budget_total=1, llm_price="2.5,1.25,10")
    with pytest.raises(CannotStart, match=re.escape("GRADER_LLM_PRICE: '1..2,3,4' is no price")):
        await _opened(**address, llm_price="1..2,3,4")


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"day": "x", "today": "nan", "total": 1}'])
async def test_a_broken_record_ends_the_start(tmp_path: Path, record: str) -> None:
    (tmp_path / "spending.json").write_text(record)
    with pytest.raises(CannotStart, match=r"spending\.json.* cannot be read; mend it"):
        await _opened(
            llm_base_url="http://127.0.0.1:1/v1",
            llm_price="1,1,1",
            state_dir=tmp_path,
            budget_total=1,
        )


SPENDER = """
import asyncio, sys
from pathlib import Path
from grader_service.errors import BudgetExhausted
from grader_service.judge.budget import open_ledger

async def spend(ledger):
    try:
        async with ledger.reserve(2.0, 30) as reservation:
            await asyncio.sleep(0.002)
            reservation.charge = 1.0
        return 1
    except BudgetExhausted:
        return 0

async def main():
    with open_ledger(Path(sys.argv[1]), None, 60.0, lambda event: None) as ledger:
        print(sum(await asyncio.gather(*(spend(ledger) for _ in range(50)))))

asyncio.run(main())
"""


def test_processes_spend_from_one_budget(tmp_path: Path) -> None:
    """Each call may cost 2 and costs 1; of 60 the last 1 cannot be spent."""
    spenders = [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    spent = [int(spender.communicate(timeout=60)[0]) for spender in spenders]
    assert sum(spent) == 59
    record = json.loads((tmp_path / "spending.json").read_text())
    assert (record["total"], record["held"]) == (59.0, {})


async def test_what_another_process_has_reserved_is_waited_for(tmp_path: Path) -> None:
    with (
        open_ledger(tmp_path, 1.0, None, Seen()) as one,
        open_ledger(tmp_path, 1.0, None, Seen()) as other,
    ):
        async with contextlib.AsyncExitStack() as stack:
            first = await stack.enter_async_context(one.reserve(1.0, 10))
            waiting = asyncio.create_task(other.reserve(1.0, 10).__aenter__())
            await asyncio.sleep(0)
            assert not waiting.done()
            first.charge = 0.0
        assert (await waiting).charge == 1.0


async def test_what_a_dead_process_had_reserved_is_spent_in_the_end(tmp_path: Path) -> None:
    day = dt.datetime.now(dt.UTC).date().isoformat()
    held = {"dead": [1.0, time.time() + 0.3]}
    record = {"day": day, "today": 1.0, "total": 1.0, "held": held}
    (tmp_path / "spending.json").write_text(json.dumps(record))
    with open_ledger(tmp_path, 1.0, None, Seen()) as ledger:
        with pytest.raises(JudgeTimedOut):
            async with ledger.reserve(1.0, 0.01):
                pass
        with pytest.raises(BudgetExhausted):
            async with ledger.reserve(1.0, 10):
                pass


async def test_what_a_full_disk_kept_from_the_record_is_written_later(tmp_path: Path) -> None:
    with open_ledger(tmp_path, None, 10.0, Seen()) as ledger:
        blocked = tmp_path / "spending.new"
        async with ledger.reserve(2.0, 10) as reservation:
            blocked.mkdir()
            reservation.charge = 5.0
        blocked.rmdir()
        async with ledger.reserve(1.0, 10):
            pass
    record = json.loads((tmp_path / "spending.json").read_text())
    assert (record["total"], record["held"]) == (6.0, {})


async def test_a_folder_that_cannot_be_used_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match="GRADER_STATE_DIR"):
        await _opened(
            llm_base_url="http://127.0.0.1:1/v1",
            llm_price="1,1,1",
            state_dir=tmp_path / "file",
            budget_total=1,
        )
