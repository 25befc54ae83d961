"""Python graders over HTTP on each engine, against a container per grade with the same flags. Every answer is checked."""

import asyncio
import contextlib
import json
import statistics
import time
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from grader_service.sandbox import inside
from grader_service.sandbox.base import DEFAULT_IMAGE_TAG
from grader_service.sandbox.docker import Containers, DockerEngine, open_docker
from grader_service.sandbox.engine import Limits
from grader_service.settings import Settings
from tests import processes
from tests.bench.load import Figures, Load, run
from tests.definitions import PYTHON, body

PATH = "/v1/fine_tuning/alpha/graders/run"
ROUNDS = 3
STEADY_SECONDS = 60
TRIVIAL = "def grade(sample, item):\n    return item['n'] / 7\n"
HEAVY = """import numpy as np
import pandas as pd
from rapidfuzz import fuzz, utils

def grade(sample, item):
    assert fuzz.WRatio(sample["output_text"], "fuzzy wuzzy had no hair", processor=utils.default_process) > 75
    return float(pd.Series(np.arange(item["n"] + 1)).iloc[-1]) / 7
"""
PRIVATE = """
def grade(sample, item):
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024
"""
IMPORTS = "import numpy\nimport pandas\nimport rapidfuzz\n"

TARGETS: dict[str, dict[str, float]] = {
    "docker": {
        "trivial": 4,
        "heavy": 9,
        "per_second": 280,
        "steady": 60,
        "unseen": 100,
        "times": 60,
    },
    "bubblewrap": {"trivial": 6, "per_second": 180},
}
"""Milliseconds at p50, p99 of the steady load, grades per second, times as fast as a container per grade."""


def asked(source: str) -> dict[str, Any]:
    return body({**PYTHON, "source": source}, "fuzzy wuzzy was a bear", item={"n": 21})


def load(address: str, source: str, **more: Any) -> Figures:
    return run(Load(address + PATH, json.dumps(asked(source)), '"reward":3.0', **more))


class Bench:
    """One engine's figures; `missed` names those that are not as wanted."""

    def __init__(self, console: Console, engine: str) -> None:
        self._console = console
        self._targets = TARGETS[engine]
        self.missed: list[str] = []

    def say(
        self, text: str, name: str = "", value: float = 0.0, more_is_better: bool = False
    ) -> None:
        wanted = self._targets.get(name)
        if wanted is None:
            self._console.print(f"  {text}")
            return
        good = value >= wanted if more_is_better else value <= wanted
        if not good:
            self.missed.append(name)
        self._console.print(f"  {text}; wanted {wanted:g}: {'met' if good else 'MISSED'}")

    def latency(self, address: str, name: str, source: str) -> float:
        load(address, source, connections=4, seconds=2.0)  # warm
        best = min(
            (load(address, source, connections=1, seconds=2.0) for _ in range(ROUNDS)),
            key=lambda figures: figures.p50,
        )
        text = f"{name}: p50 {best.p50:.2f} ms, p99 {best.p99:.2f} ms, wrong {best.wrong}"
        self.say(text, name, best.p50)
        return best.p50

    def throughput(self, address: str) -> None:
        rounds = [load(address, TRIVIAL, connections=8) for _ in range(ROUNDS)]
        best = max(rounds, key=lambda figures: figures.per_second)
        wrong = sum(figures.wrong for figures in rounds)
        text = f"8 at once: {best.per_second:.0f} grades/s, p99 {best.p99:.1f} ms, wrong {wrong}"
        self.say(text, "per_second", best.per_second, more_is_better=True)

    def steady(self, address: str) -> None:
        figures = load(address, HEAVY, connections=20, seconds=STEADY_SECONDS, rate=50.0)
        text = (
            f"heavy at 50/s for {STEADY_SECONDS} s: {figures.right} right, {figures.wrong} wrong, "
            f"p50 {figures.p50:.1f} ms, p99 {figures.p99:.1f} ms"
        )
        self.say(text, "steady", figures.p99)

    def unseen(self, address: str, count: int = 8) -> None:
        taken = []
        for number in range(count):
            _await_spare(address)
            source = f"{TRIVIAL}# unseen {time.time_ns()} {number}\n"
            began = time.perf_counter()
            assert httpx.post(address + PATH, json=asked(source)).json()["reward"] == 3.0
            taken.append((time.perf_counter() - began) * 1000)
        text = f"first grade of an unseen grader: median {statistics.median(taken):.0f} ms, worst {max(taken):.0f} ms"
        self.say(text, "unseen", statistics.median(taken))

    def memory(self, address: str) -> None:
        for name, source in (("trivial", PRIVATE), ("numpy+pandas+rapidfuzz", IMPORTS + PRIVATE)):
            found = httpx.post(address + PATH, json=asked(source), timeout=60).json()
            self.say(f"{name}: {found['reward']:.1f} MiB private to one grade's process")
        workers = _private_mebibytes("runner.py")
        if workers:
            self.say(
                f"{len(workers)} processes of warm workers: median {statistics.median(workers):.0f} MiB private, "
                f"most {max(workers):.0f} MiB"
            )


def _private_mebibytes(program: str) -> list[float]:
    """Of every process on this machine whose command line names the program; root sees those in containers, too."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if program not in (process / "cmdline").read_text():
                continue
            lines = (process / "smaps_rollup").read_text().splitlines()
            private = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
            if private:
                found.append(private / 1024)
    return found


def _await_spare(address: str) -> None:
    end = time.monotonic() + 20
    while 'grader_sandbox_workers{state="spare"} 0.0' in httpx.get(f"{address}/metrics").text:
        assert time.monotonic() < end, "no spare worker came up"
        time.sleep(0.05)
    time.sleep(0.3)


async def _container_per_grade(engine: DockerEngine, count: int = 5) -> float:
    """Median milliseconds of the naive way: a container for every grade, made with the very same flags."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        worker, end = await engine.launch(DEFAULT_IMAGE_TAG)
        await worker.greeted()
        await worker.load(TRIVIAL.encode())
        answer = await worker.grade(json.dumps({"sample": {}, "item": {"n": 21}}).encode())
        assert answer.verdict == b"V"
        worker.lose("died")
        await end()  # `docker run --rm` waits for that, too
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


async def _naive(settings: Settings) -> float:
    limits = Limits(settings.sandbox_timeout_seconds, settings.sandbox_memory_bytes)
    containers = Containers(
        settings.sandbox_image, limits, inside.seccomp(), None, settings.docker_host
    )
    async with open_docker(containers) as engine:
        return await _container_per_grade(engine)


def _measure(console: Console, engine: str) -> list[str]:
    with processes.serving(sandbox=engine) as server:
        state = httpx.get(f"{server.address}/readyz").json()["sandbox"]
        console.print(f"  [bold]{engine}[/bold]: {state['reason']}")
        if not state["ready"]:
            return [f"{engine} is not here"]
        bench = Bench(console, engine)
        p50 = bench.latency(server.address, "trivial", TRIVIAL)
        has_packages = engine == "docker" or Path(".sandbox_packages").exists()
        if has_packages:
            bench.latency(server.address, "heavy", HEAVY)
        bench.throughput(server.address)
        bench.unseen(server.address)
        if has_packages:
            bench.memory(server.address)
            bench.steady(server.address)
    if engine == "docker":
        times = asyncio.run(_naive(Settings())) / p50
        bench.say(
            f"a container per grade takes {times:.0f} times as long",
            "times",
            times,
            more_is_better=True,
        )
    return bench.missed


def main(console: Console) -> bool:
    """True where every figure of every engine is as wanted."""
    missed = {engine: _measure(console, engine) for engine in TARGETS}
    return not any(missed.values())
