"""The Docker engine is killed and comes back, under load: python graders fail by name meanwhile, the others go on.

With `--engine FOLDER` it is SIGKILL for that engine's own process, and `.ci/engine start FOLDER` after it. Without,
a socket in front of the engine is taken away: nobody else's containers are touched.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from grader_service.settings import Settings
from tests.fakes.engine_proxy import EngineProxy
from tests.load.generator import Plan, Sending, send
from tests.load.records import Records
from tests.load.report import Check, Options, Report
from tests.load.stage import Stage, honest, stage

SECONDS = 45
RATE = 30
SHARES = {"python": 0.5, "string": 0.5}
BACK_SECONDS = 60
ROUND = 1_000_000


class Engine(NamedTuple):
    address: str
    away: Callable[[], None]
    back: Callable[[], None]


@contextlib.contextmanager
def _proxied(engine: str) -> Iterator[Engine]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def call(work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(20)

    with tempfile.TemporaryDirectory() as folder:
        proxy = EngineProxy(Path(folder) / "docker.sock", engine)
        call(proxy.start())
        try:
            yield Engine(proxy.address, lambda: call(proxy.stop()), lambda: call(proxy.start()))
        finally:
            call(proxy.stop())
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


@contextlib.contextmanager
def _own(folder: Path) -> Iterator[Engine]:
    def script(command: str) -> str:
        done = subprocess.run(
            [".ci/engine", command, str(folder)], stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout.strip().removeprefix("export DOCKER_HOST=")

    def start() -> None:
        script("start")

    address = script("status")
    pid_file = Path(address.removeprefix("unix://")).with_name("docker.pid")
    yield Engine(
        address,
        lambda: os.kill(int(pid_file.read_text()), signal.SIGKILL),
        start,
    )


def _host() -> str | None:
    host = Settings().docker_host or "unix:///var/run/docker.sock"
    return host if Path(host.removeprefix("unix://")).is_socket() else None


def _ready(here: Stage, wanted: bool) -> float:
    """Seconds until the sandbox says so; a few grades are sent, for nobody notices an engine that is not asked."""
    began = time.monotonic()
    number = 9 * ROUND + int(began) % 1000 * 1000
    while here.sandbox()["ready"] != wanted:
        number += 1
        send(Plan(here.address, {"python": 1}, rate=1, most=1, first=number))
        if time.monotonic() > began + BACK_SECONDS:
            return -1
    return time.monotonic() - began


def _phase(here: Stage, seconds: float, number: int) -> Plan:
    return Plan(here.address, SHARES, rate=RATE, seconds=seconds, first=number * ROUND)


def run(options: Options) -> Report:
    host = _host()
    if options.engine is None and host is None:
        return Report(
            "engine", "", missing="there is no Docker engine; `.ci/engine start` starts one"
        )
    third = options.seconds / 3
    making = _own(options.engine) if options.engine else _proxied(str(host))
    with (
        making as engine,
        stage(
            Options(options.seconds, "docker"), docker_host=engine.address, sandbox_queue_seconds=5
        ) as here,
    ):
        before = send(_phase(here, third, 1))
        sending = Sending(_phase(here, third, 2))
        time.sleep(third / 4)
        engine.away()
        away = sending.finish()
        engine.back()
        seconds = _ready(here, wanted=True)
        after = send(_phase(here, third, 3))
        rewarded = here.rewarded()
    ours = type(rewarded)({name: rewarded[name] for name in rewarded if int(name[5:]) < 9 * ROUND})
    python = away.where(lambda each: each.kind == "python")
    checks = [
        *honest(Records.together(before, away, after), ours),
        Check("with the engine, all is graded", before.only("right")),
        Check(
            "without, python graders are graded or fail by name",
            python.only("right", "failed", "shed"),
        ),
        Check("and some did fail: it was really away", python.count("failed") > 0),
        Check(
            "other graders do not notice",
            away.where(lambda each: each.kind == "string").only("right"),
        ),
        Check(f"the service finds back by itself, in {seconds:.1f} s", seconds >= 0),
        Check("then all is graded again", after.only("right")),
    ]
    how = "killed and started again" if options.engine else "cut off and let back"
    conditions = f"{RATE} requests/s, half of them python; the Docker engine is {how}; the middle rows are without it"
    rows = [before.row("before"), *away.rows(), after.row("after")]
    return Report("engine", conditions, rows, checks)
