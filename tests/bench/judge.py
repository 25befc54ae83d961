"""Model graders under load: a slow upstream is kept full, a queue costs time linear in its length, 64 identical grades are one call."""

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp
from rich.console import Console

from tests import processes
from tests.definitions import STRING_CHECK, body
from tests.judge.asking import grade, judging_at, score_model

PATH = "/v1/fine_tuning/alpha/graders/run"
ANSWER_SECONDS = 0.5
GRADES = 200
CONCURRENCY = 25
"""Divides the grades: else the last wave, half empty, would keep anybody from the ideal."""
SLOWDOWN_TARGET = 1.3
P99_TARGET_MS = 20.0
QUEUES = (250, 500, 1000)
GROWTH_TARGET = 1.3
ROUNDS = 3


async def _post(session: aiohttp.ClientSession, address: str, sent: Any) -> float:
    """Seconds until the right answer was there."""
    started = time.perf_counter()
    async with session.post(address + PATH, json=sent) as response:
        answer = await response.json()
    if answer["metadata"]["errors"]["model_grader_server_error"] or not answer["reward"]:
        raise RuntimeError(json.dumps(answer))
    return time.perf_counter() - started


async def _checks(session: aiohttp.ClientSession, address: str, latencies: list[float]) -> None:
    """string_checks one after the other, until cancelled."""
    while True:
        latencies.append(await _post(session, address, body(STRING_CHECK)))
        await asyncio.sleep(0.005)


async def _slow(address: str) -> tuple[float, float]:
    """Seconds for all grades, and the 99th percentile of string_check in the meantime, in ms."""
    latencies: list[float] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        checks = asyncio.create_task(_checks(session, address, latencies))
        started = time.perf_counter()
        grades = (
            _post(session, address, body(score_model()) | {"model_sample": f"score: 0.{n + 1}"})
            for n in range(GRADES)
        )
        await asyncio.gather(*grades)
        seconds = time.perf_counter() - started
        checks.cancel()
        await asyncio.gather(checks, return_exceptions=True)
    return seconds, 1000 * sorted(latencies)[int(0.99 * len(latencies))]


def _keeps_full(console: Console) -> bool:
    ideal = GRADES * ANSWER_SECONDS / CONCURRENCY
    found = []
    with (
        processes.upstream(ANSWER_SECONDS) as base_url,
        processes.serving(
            sandbox="off", llm_base_url=base_url, llm_concurrency=CONCURRENCY
        ) as server,
    ):
        for _ in range(ROUNDS):
            seconds, p99 = asyncio.run(_slow(server.address))
            found.append((seconds / ideal, p99))
            console.print(
                f"  {GRADES} grades, {ANSWER_SECONDS} s each, {CONCURRENCY} at once: {seconds:.2f} s, ideal {ideal:.2f} s, "
                f"ratio {seconds / ideal:.2f}; string_check p99 meanwhile {p99:.1f} ms"
            )
    ratio, p99 = min(ratio for ratio, _ in found), min(p99 for _, p99 in found)
    good = ratio <= SLOWDOWN_TARGET and p99 <= P99_TARGET_MS
    console.print(
        f"  best ratio {ratio:.2f}, wanted {SLOWDOWN_TARGET}; best p99 {p99:.1f} ms, wanted {P99_TARGET_MS:.0f}: "
        f"{'met' if good else 'MISSED'}"
    )
    return good


async def _queued(base_url: str, grades: int) -> float:
    """Seconds for so many grades that all wait at once."""
    async with judging_at(base_url, llm_concurrency=CONCURRENCY) as judge:
        await grade(judge, score_model(), sample="warm")
        started = time.perf_counter()
        results = await asyncio.gather(
            *(grade(judge, score_model(), sample=f"score: 0.{n + 1}") for n in range(grades))
        )
        seconds = time.perf_counter() - started
    if any(result.state != "value" for result in results):
        raise RuntimeError("a grade failed")
    return seconds


def _is_linear(console: Console) -> bool:
    with processes.upstream(0.0) as base_url:
        best = {
            grades: min(asyncio.run(_queued(base_url, grades)) for _ in range(ROUNDS))
            for grades in QUEUES
        }
    each = {grades: seconds / grades for grades, seconds in best.items()}
    console.print(
        "  "
        + "   ".join(f"{n} queued {best[n]:.2f} s ({1000 * each[n]:.2f} ms each)" for n in QUEUES)
    )
    growth = each[QUEUES[-1]] / each[QUEUES[0]]
    good = growth <= GROWTH_TARGET
    console.print(
        f"  time per grade at {QUEUES[-1]} over {QUEUES[0]}: {growth:.2f}, wanted {GROWTH_TARGET}: {'met' if good else 'MISSED'}"
    )
    return good


async def _identical(address: str, base_url: str) -> int:
    """Calls at the upstream for 64 grades."""
    async with aiohttp.ClientSession() as session:
        sent = body(score_model())
        await asyncio.gather(*(_post(session, address, sent) for _ in range(64)))
        async with session.get(base_url) as response:
            return int((await response.json())["received"])


def _shares(console: Console) -> bool:
    with (
        processes.upstream(ANSWER_SECONDS) as base_url,
        processes.serving(sandbox="off", llm_base_url=base_url) as server,
    ):
        calls = asyncio.run(_identical(server.address, base_url))
    console.print(
        f"  64 identical grades: {calls} call, wanted 1: {'met' if calls == 1 else 'MISSED'}"
    )
    return calls == 1


def main(console: Console) -> bool:
    """True where all three targets are met."""
    return all([_keeps_full(console), _is_linear(console), _shares(console)])


if __name__ == "__main__":
    sys.exit(not main(Console()))
