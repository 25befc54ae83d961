"""What a sandboxed grade costs, against a `docker run` per grade with the same flags, in one run.

    python tests/bench/sandbox.py [docker|bubblewrap ...] [--seconds 60]

In process, through `Sandbox.run`; HTTP adds its own. Every answer is checked. Best of three.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from grader_service.sandbox import inside
from grader_service.sandbox.base import DEFAULT_IMAGE_TAG, Program, Sandbox
from grader_service.sandbox.docker import Containers, DockerEngine, open_docker
from grader_service.sandbox.engine import Limits
from grader_service.sandbox.open import open_sandbox
from grader_service.settings import Settings

TRIVIAL = "def grade(sample, item):\n    return item['n'] / 7\n"
HEAVY = "import numpy as np\nimport pandas as pd\nfrom rapidfuzz import fuzz, utils\n" + (
    "def grade(sample, item):\n"
    "    assert fuzz.WRatio(sample['output_text'], 'fuzzy wuzzy had no hair', processor=utils.default_process) > 75\n"
    "    return float(pd.Series(np.arange(item['n'] + 1)).iloc[-1]) / 7\n"
)
SAMPLE = {"output_text": "fuzzy wuzzy was a bear"}
ROUNDS = 3


async def grade(sandbox: Sandbox, source: str, n: int) -> float:
    """Seconds of one grade, whose value was right."""
    began = time.perf_counter()
    outcome = await sandbox.run(Program(source, SAMPLE, {"n": n}))
    assert outcome.value == n / 7
    return time.perf_counter() - began


def told(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"p50 {statistics.median(ordered) * 1e3:6.2f} ms, p99 {ordered[int(len(ordered) * 0.99)] * 1e3:6.2f} ms"


async def one_after_the_other(sandbox: Sandbox, source: str, count: int = 300) -> list[float]:
    rounds = []
    for _ in range(ROUNDS):
        rounds.append([await grade(sandbox, source, n) for n in range(count)])
    return min(rounds, key=statistics.median)


async def throughput(sandbox: Sandbox, source: str, clients: int = 8, count: int = 800) -> float:
    async def client(number: int) -> None:
        for n in range(number, count, clients):
            await grade(sandbox, source, n)

    best = 0.0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await asyncio.gather(*map(client, range(clients)))
        best = max(best, count / (time.perf_counter() - began))
    return best


async def steady(
    sandbox: Sandbox, source: str, seconds: float, per_second: int = 50
) -> list[float]:
    """Requests at fixed times, whatever became of those before; latency counts from the time at which one was due."""
    taken: list[float] = []
    began = time.perf_counter()

    async def due(number: int) -> None:
        at = began + number / per_second
        await asyncio.sleep(at - time.perf_counter())
        await grade(sandbox, source, number)
        taken.append(time.perf_counter() - at)

    await asyncio.gather(*(due(number) for number in range(int(seconds * per_second))))
    return taken


async def first_of_unseen(sandbox: Any, count: int = 8) -> list[float]:
    taken = []
    for number in range(count):
        async with asyncio.timeout(30):
            while not sandbox.workers()["spare"]:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        taken.append(
            await grade(sandbox, TRIVIAL + f"# unseen {time.time_ns()} {number}\n", number)
        )
    return taken


async def run_per_grade(engine: DockerEngine, source: str, count: int = 5) -> list[float]:
    """The naive way: a container for every grade, made with the very same flags."""
    taken = []
    for n in range(count):
        began = time.perf_counter()
        worker, end = await engine.launch(DEFAULT_IMAGE_TAG)
        await worker.greeted()
        await worker.load(source.encode())
        answer = await worker.grade(
            b'{"sample": {"output_text": "fuzzy wuzzy was a bear"}, "item": {"n": %d}}' % n
        )
        assert answer.verdict == b"V"
        worker.lose("died")
        await end()  # `docker run --rm` waits for that, too
        taken.append(time.perf_counter() - began)
    return taken


async def private_memory(sandbox: Sandbox, source: str) -> float:
    """MiB that one grade's process has for itself, as it sees it: what it has written to since the fork."""
    look = source.replace(
        "def grade(sample, item):\n",
        "def grade(sample, item):\n    with open('/proc/self/smaps_rollup') as file: print(file.read())\n",
        1,
    )
    outcome = await sandbox.run(Program(look, SAMPLE, {"n": 1}))
    lines = dict(line.split()[:2] for line in outcome.stdout.splitlines()[1:] if ":" in line)
    return (int(lines["Private_Dirty:"]) + int(lines["Private_Clean:"])) / 1024


async def measure(engine: str, seconds: float) -> None:
    settings = Settings.model_validate({**Settings().model_dump(), "sandbox": engine})
    async with open_sandbox(settings, lambda _: None) as sandbox:
        status = sandbox.status()
        print(f"== {engine}: {status.reason}")
        if status.engine != engine:
            return
        figures: dict[str, float] = {}
        for name, source in (("trivial", TRIVIAL), ("numpy+pandas+rapidfuzz", HEAVY)):
            await throughput(sandbox, source, count=50)  # warm
            taken = await one_after_the_other(sandbox, source)
            figures[name] = statistics.median(taken)
            print(f"{name}: {told(taken)}")
            print(
                f"{name}: {await throughput(sandbox, source):.0f} grades/s with 8 clients in this process"
            )
            print(f"{name}: {await private_memory(sandbox, source):.1f} MiB private per grade")
        print(
            f"numpy+pandas+rapidfuzz at 50/s for {seconds:g} s: {told(await steady(sandbox, HEAVY, seconds))}"
        )
        print(
            f"first grade of an unseen grader, spare ready: {told(await first_of_unseen(sandbox))}"
        )
    if engine == "docker":
        await compare(settings, figures)


async def compare(settings: Settings, figures: dict[str, float]) -> None:
    limits = Limits(settings.sandbox_timeout_seconds, settings.sandbox_memory_bytes)
    containers = Containers(
        settings.sandbox_image, limits, inside.seccomp(), None, settings.docker_host
    )
    async with open_docker(containers) as engine:
        for name, source in (("trivial", TRIVIAL), ("numpy+pandas+rapidfuzz", HEAVY)):
            taken = await run_per_grade(engine, source)
            ratio = statistics.median(taken) / figures[name]
            print(f"{name}: a container per grade {told(taken)}: {ratio:.0f} times as long")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("engines", nargs="*", default=["docker", "bubblewrap"])
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    for engine in options.engines:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(measure(engine, options.seconds))


if __name__ == "__main__":
    main()
