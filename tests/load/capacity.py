"""What one process does of each kind, as fast as it goes, and what that costs: the figures behind the sizing."""

import os
from pathlib import Path
from typing import Any

from tests.bench.memory import resident_mb
from tests.load.generator import Plan, send
from tests.load.records import Records
from tests.load.report import Check, Options, Report
from tests.load.stage import Stage, honest, stage
from tests.load.victims import private_mebibytes, workers

SECONDS = 50
CONNECTIONS = 8
KINDS = ("string", "similarity", "multi", "judge", "python", "pandas")
ROUND = 1_000_000


def _cpu_seconds(pid: int) -> float:
    """Of the process itself, in user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _kinds(here: Stage) -> tuple[str, ...]:
    """Without the packages of the hosted image there is no pandas."""
    has_packages = here.sandbox()["engine"] == "docker" or Path(".sandbox_packages").is_dir()
    return KINDS if has_packages else KINDS[:-1]


def _memory(here: Stage) -> str:
    engine, pid = here.sandbox()["engine"], here.server.process.pid
    found = sorted(round(private_mebibytes(each)) for each in workers(pid, engine))
    return (
        f"The server holds {resident_mb(pid):.0f} MB; its {len(found)} warm workers, spares included, hold "
        f"{', '.join(map(str, found))} MiB of their own, the largest with numpy and pandas loaded"
    )


def run(options: Options) -> Report:
    seconds = options.seconds / len(KINDS)
    rows: list[dict[str, Any]] = []
    parts: list[Records] = []
    with stage(options) as here:
        pid = here.server.process.pid
        for number, kind in enumerate(_kinds(here)):
            plan = Plan(here.address, {kind: 1}, seconds=seconds / 4, first=2 * number * ROUND)
            parts.append(send(plan))
            began = _cpu_seconds(pid)
            full = Plan(
                here.address,
                {kind: 1},
                seconds=seconds,
                connections=CONNECTIONS,
                first=(2 * number + 1) * ROUND,
            )
            parts.append(send(full))
            spent = _cpu_seconds(pid) - began
            rows.append(
                {
                    "": kind,
                    "per second": round(parts[-1].per_second()),
                    "server CPU ms each": round(1000 * spent / len(parts[-1].all), 2),
                    "p50 ms": round(parts[-1].percentile(0.5), 1),
                    "p99 ms": round(parts[-1].percentile(0.99), 1),
                }
            )
        memory = _memory(here)
        engine = here.sandbox()["engine"]
        rewarded = here.rewarded()
    checks = [
        *honest(Records.together(*parts), rewarded),
        Check("every request was graded", Records.together(*parts).only("right")),
    ]
    conditions = (
        f"{CONNECTIONS} callers that each ask as soon as they have their answer, one kind after the other; {os.cpu_count()} "
        f"processors for the server, the sandboxes, the callers and the judge's API; python graders in {engine}. {memory}"
    )
    return Report("capacity", conditions, rows, checks)
