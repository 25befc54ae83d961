"""The pool on real engines: sizes that hold, queues that end, nothing lost and nothing left."""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from grader_service.errors import SandboxOverloaded, SandboxUnavailable
from grader_service.events import SandboxRan, SandboxWorkerLost
from grader_service.sandbox.base import Program
from grader_service.sandbox.open import open_sandbox
from grader_service.sandbox.warm import WarmSandbox
from grader_service.settings import Settings

PLAIN = "def grade(sample, item):\n    return item['n'] / 7\n"
SLEEP = "import time\ndef grade(sample, item):\n    time.sleep(item['seconds'])\n    return 1\n"


class Opened:
    """A sandbox of the test's own, and the events that it has sent."""

    def __init__(self, sandbox: WarmSandbox, events: list[Any]) -> None:
        self.sandbox = sandbox
        self.events = events

    async def grade(self, n: int, source: str = PLAIN, tenant: str = "") -> float:
        return (await self.sandbox.run(Program(source, {}, {"n": n}, tenant=tenant))).value

    def ran(self) -> list[SandboxRan]:
        return [event for event in self.events if isinstance(event, SandboxRan)]

    async def until(self, **counts: int) -> None:
        """Wait until the workers stand so."""
        async with asyncio.timeout(30):
            while any(
                self.sandbox.status().workers[state] != count for state, count in counts.items()
            ):  # type: ignore[index]
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def opened(engine: str, **settings: Any) -> AsyncIterator[Opened]:
    events: list[Any] = []
    chosen = Settings.model_validate({**Settings().model_dump(), "sandbox": engine, **settings})
    async with open_sandbox(chosen, events.append) as sandbox:
        if not isinstance(sandbox, WarmSandbox) or sandbox.status().engine != engine:
            loud = f"##### NOT TESTED: no {engine} engine here: {sandbox.status().reason} #####"
            if os.environ.get("GRADER_TESTS_NEED_DOCKER"):
                pytest.fail(loud)
            pytest.skip(loud)
        yield Opened(sandbox, events)


async def test_spare_serves_the_first_grade_and_its_worker_the_next(engine: str) -> None:
    async with opened(engine) as here:
        await here.until(spare=1)
        assert [await here.grade(n) for n in (1, 2, 3)] == [1 / 7, 2 / 7, 3 / 7]
        await here.until(spare=1)
        assert here.ran()[0].warm is False
        assert {ran.end for ran in here.ran()} == {"value"}


async def test_tenants_never_share_a_worker(engine: str) -> None:
    source = "import os\ndef grade(sample, item):\n    return os.getppid() and 1\n"
    async with opened(engine, sandbox_spares=0) as here:
        for tenant in ("a", "b"):
            await here.grade(1, source, tenant)
            await here.until(cleaning=0, idle=1 if tenant == "a" else 2)
        await here.grade(1, source, "a")
        assert [ran.warm for ran in here.ran()] == [False, False, True]


async def test_cap_holds_while_many_graders_take_turns(engine: str) -> None:
    """20 graders, 200 grades at once, 4 workers: every value is the right one, and never is there a fifth."""
    sources = [PLAIN + f"# {number}\n" for number in range(20)]
    async with opened(engine, sandbox_workers=4, sandbox_spares=1) as here:
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, sum(here.sandbox.status().workers.values()))
                await asyncio.sleep(0.005)

        watching = asyncio.create_task(watch())
        values = await asyncio.gather(*(here.grade(n, sources[n % 20]) for n in range(200)))
        watching.cancel()
        assert values == [n / 7 for n in range(200)]
        assert 1 < most <= 4


async def test_least_recently_used_worker_goes_first(engine: str) -> None:
    sources = [PLAIN + f"# {number}\n" for number in range(3)]
    async with opened(engine, sandbox_workers=2, sandbox_spares=0) as here:
        for number in (0, 1, 0, 2, 0):
            await here.grade(1, sources[number])
            await here.until(cleaning=0)
        assert [ran.warm for ran in here.ran()] == [False, False, True, False, True]


async def test_full_queue_refuses_at_once_and_a_long_wait_ends(engine: str) -> None:
    settings = {
        "sandbox_workers": 1,
        "sandbox_spares": 0,
        "sandbox_queue": 1,
        "sandbox_queue_seconds": 4,
    }
    async with opened(engine, **settings) as here:
        busy = asyncio.create_task(here.sandbox.run(Program(SLEEP, {}, {"seconds": 6})))
        await here.until(busy=1)
        waiting = asyncio.create_task(here.grade(2))
        await asyncio.sleep(0)
        with pytest.raises(SandboxOverloaded, match="1 grades wait"):
            await here.grade(3)
        with pytest.raises(SandboxOverloaded, match="within 4 s"):
            await waiting
        assert (await busy).value == 1
        assert here.sandbox.status().waiting == 0
        assert await here.grade(4) == 4 / 7


async def test_cancelled_grade_frees_its_worker(engine: str) -> None:
    async with opened(engine, sandbox_workers=1, sandbox_spares=0) as here:
        run = asyncio.create_task(here.sandbox.run(Program(SLEEP, {}, {"seconds": 60})))
        await here.until(busy=1)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        await here.until(idle=1)
        assert (await here.sandbox.run(Program(SLEEP, {}, {"seconds": 0}))).warm
        assert not [event for event in here.events if isinstance(event, SandboxWorkerLost)]


async def test_cancelled_waits_lose_no_worker(engine: str) -> None:
    """Waits end in every moment, also in the one in which a worker is handed over."""
    async with opened(engine, sandbox_workers=2, sandbox_spares=0) as here:
        runs = [asyncio.create_task(here.grade(n)) for n in range(60)]
        for number, run in enumerate(runs):
            if number % 3:
                asyncio.get_running_loop().call_later(0.3 + number / 300, run.cancel)
        seen = await asyncio.gather(*runs, return_exceptions=True)
        assert all(
            isinstance(one, asyncio.CancelledError) or one == n / 7 for n, one in enumerate(seen)
        )
        assert [seen[n] for n in range(0, 60, 3)] == [n / 7 for n in range(0, 60, 3)]
        await here.until(busy=0, cleaning=0, loading=0)
        assert await here.grade(1) == 1 / 7


async def test_closing_under_load_tells_everyone_and_leaves_nothing(engine: str) -> None:
    threads, before = engine_threads(), children()
    async with opened(engine, sandbox_workers=3) as here:
        runs = [
            asyncio.create_task(here.sandbox.run(Program(SLEEP, {}, {"seconds": 60})))
            for _ in range(6)
        ]
        await here.until(busy=2)
        sandbox = here.sandbox
    told = await asyncio.gather(*runs, return_exceptions=True)
    assert {type(one) for one in told} == {SandboxUnavailable}
    assert sum(sandbox.status().workers.values()) == 0
    assert children() == before
    with pytest.raises(SandboxUnavailable):
        await sandbox.run(Program(PLAIN, {}, {"n": 1}))
    assert engine_threads() == threads


async def test_one_slow_import_delays_no_other_grader(engine: str) -> None:
    slow = "import time\ntime.sleep(1)\n" + PLAIN
    async with opened(engine) as here:
        await here.grade(1)
        sleeping = asyncio.create_task(here.grade(2, slow))
        began = time.perf_counter()
        assert await here.grade(3) == 3 / 7
        assert not sleeping.done(), f"after {time.perf_counter() - began} s"
        assert await sleeping == 2 / 7


def engine_threads() -> int:
    return sum(thread.name.startswith("docker") for thread in threading.enumerate())


def children() -> set[str]:
    """The processes of this one, by number; threads start some too."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.update((task / "children").read_text().split())
    return found
