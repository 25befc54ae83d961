"""Works are real ones, run in real processes: sleeping, dying, and C code that keeps the interpreter's lock."""

import asyncio
import multiprocessing
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from grader_service.errors import WorkersUnavailable
from grader_service.workers import Workers, open_workers

MEBIBYTE = 1024 * 1024
PATIENCE = 30
"""Seconds that a slow machine may take for what should take one."""

STUBBORN = operator.pow, 7, 80_000_000
"""Half a minute of C code that gives no other thread of its process a turn."""


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    async with open_workers(2, 512 * MEBIBYTE) as opened:
        yield opened


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.02)


def _is_running(pid: int) -> bool:
    """Zombies have ended; who adopts an orphan may be slow to bury it."""
    if sys.platform == "linux":
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state not in "ZX"
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()[:1] not in ("", "Z")


async def test_runs_elsewhere_and_raises_what_the_function_raises(workers: Workers) -> None:
    assert await workers.call(operator.add, 1, 2, timeout_seconds=PATIENCE) == 3
    assert await workers.call(os.getpid, timeout_seconds=PATIENCE) != os.getpid()
    with pytest.raises(ZeroDivisionError):
        await workers.call(operator.truediv, 1, 0, timeout_seconds=PATIENCE)


async def test_nothing_is_started_before_the_first_work() -> None:
    before = threading.active_count()
    async with open_workers(2, 512 * MEBIBYTE):
        assert multiprocessing.active_children() == []
        assert threading.active_count() == before


async def test_work_is_killed_at_its_deadline_though_it_keeps_the_lock(workers: Workers) -> None:
    await workers.call(operator.add, 1, 2, timeout_seconds=PATIENCE)
    pids = {process.pid for process in multiprocessing.active_children()}
    with pytest.raises(TimeoutError):
        await workers.call(*STUBBORN, timeout_seconds=0.5)
    await _until(
        lambda: len(pids & {process.pid for process in multiprocessing.active_children()}) == 1
    )
    assert await workers.call(operator.add, 1, 2, timeout_seconds=PATIENCE) == 3


async def test_cancelling_the_caller_kills_the_work(workers: Workers) -> None:
    pid = await workers.call(os.getpid, timeout_seconds=PATIENCE)
    calls = [
        asyncio.create_task(workers.call(*STUBBORN, timeout_seconds=PATIENCE)) for _ in range(2)
    ]
    await asyncio.sleep(0.5)
    for call in calls:
        call.cancel()
    for call in calls:
        with pytest.raises(asyncio.CancelledError):
            await call
    await _until(lambda: not _is_running(pid))
    assert await workers.call(operator.add, 1, 2, timeout_seconds=PATIENCE) == 3


async def test_a_worker_that_dies_at_work_is_named_and_replaced(workers: Workers) -> None:
    with pytest.raises(WorkersUnavailable, match=r"died \(exit code 3\)"):
        await workers.call(os._exit, 3, timeout_seconds=PATIENCE)
    assert await workers.call(operator.add, 1, 2, timeout_seconds=PATIENCE) == 3


async def test_workers_that_die_idle_are_replaced(workers: Workers) -> None:
    await workers.call(operator.add, 1, 2, timeout_seconds=PATIENCE)
    dead = multiprocessing.active_children()
    for process in dead:
        process.kill()
        process.join()
    try:
        assert await workers.call(operator.add, 1, 2, timeout_seconds=PATIENCE) == 3
    except WorkersUnavailable:  # it met the dead before pebble knew of them
        assert await workers.call(operator.add, 1, 2, timeout_seconds=PATIENCE) == 3


async def test_workers_that_answer_no_more_are_replaced() -> None:
    async with open_workers(1, 512 * MEBIBYTE, start_seconds=0.5) as workers:
        pid = await workers.call(os.getpid, timeout_seconds=PATIENCE)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(WorkersUnavailable, match=r"ready within 0\.5 s"):
            await workers.call(operator.add, 1, 2, timeout_seconds=0.1)
        assert not _is_running(pid)
        assert await workers.call(operator.add, 1, 2, timeout_seconds=PATIENCE) == 3


async def test_memory_is_limited(workers: Workers) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux limits the memory of a process by our means")
    with pytest.raises(MemoryError):
        await workers.call(bytearray, 600 * MEBIBYTE, timeout_seconds=PATIENCE)
    assert (
        len(await workers.call(bytearray, 100 * MEBIBYTE, timeout_seconds=PATIENCE))
        == 100 * MEBIBYTE
    )


async def test_waiting_too_long_for_busy_workers_is_not_the_works_fault(workers: Workers) -> None:
    busy = [asyncio.create_task(workers.call(time.sleep, 60, timeout_seconds=60)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(WorkersUnavailable, match=r"all 2 worker processes were busy for 0\.2 s"):
        await workers.call(operator.add, 1, 2, timeout_seconds=0.2)
    for task in busy:
        task.cancel()
    await asyncio.gather(*busy, return_exceptions=True)


async def test_more_works_than_workers_all_come_to_their_turn(workers: Workers) -> None:
    calls = [
        workers.call(operator.mul, number, 2, timeout_seconds=PATIENCE) for number in range(50)
    ]
    assert await asyncio.gather(*calls) == [2 * number for number in range(50)]


async def test_nothing_outlives_the_context() -> None:
    before = {thread.name for thread in threading.enumerate()}
    async with open_workers(2, 512 * MEBIBYTE) as workers:
        pid = await workers.call(os.getpid, timeout_seconds=PATIENCE)
        stuck = asyncio.create_task(workers.call(*STUBBORN, timeout_seconds=PATIENCE))
        await asyncio.sleep(0.3)
    with pytest.raises(WorkersUnavailable, match="stopped"):
        await stuck
    assert multiprocessing.active_children() == []
    assert not _is_running(pid)
    left = {thread.name for thread in threading.enumerate()} - before
    assert not {
        name for name in left if not name.startswith("asyncio_")
    }  # the loop's own, which it ends itself
    with pytest.raises(WorkersUnavailable, match="stopped"):
        await workers.call(operator.add, 1, 2, timeout_seconds=1)
    await workers.close()


_SERVER = f"""
import asyncio, multiprocessing, time

from grader_service.workers import open_workers

async def main():
    async with open_workers(2, 512 * {MEBIBYTE}) as workers:
        await workers.call(abs, 1, timeout_seconds=30)
        busy = asyncio.create_task(workers.call(pow, 7, 80_000_000, timeout_seconds=2))
        await asyncio.sleep(0.5)
        print(*(process.pid for process in multiprocessing.active_children()), flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_workers_end_when_the_server_is_killed() -> None:
    """One is idle, and one busy in C code that nothing interrupts: it ends at its deadline, not half a minute later."""
    server = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        pids = [int(pid) for pid in server.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(_is_running, pids))
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    give_up = time.monotonic() + 15
    while any(map(_is_running, pids)):
        assert time.monotonic() < give_up
        time.sleep(0.1)
