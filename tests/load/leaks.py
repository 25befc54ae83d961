"""200,000 grades of all kinds: memory and descriptors of the server must be flat. A proxy for a day of service."""

from pathlib import Path
from typing import Any

from tests.bench.memory import resident_mb
from tests.load.generator import Plan, send
from tests.load.records import Records
from tests.load.report import Check, Options, Report, timed
from tests.load.stage import Stage, honest, stage
from tests.load.victims import descendants

SECONDS = 600
GRADES_PER_SECOND = 334
"""What makes 200,000 of the usual time. It is a number of grades that is sent, however long they take."""
ROUNDS = 10
WARM = 3
"""Rounds after which nothing may grow any more."""
GROWTH = 1.05
SHARES = {"string": 0.45, "similarity": 0.2, "multi": 0.2, "python": 0.1, "judge": 0.05}
CONNECTIONS = 12


def _state(here: Stage) -> dict[str, Any]:
    pid = here.server.process.pid
    return {
        "server MB": round(resident_mb(pid), 1),
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "threads": len(list(Path(f"/proc/{pid}/task").iterdir())),
        "processes": len(descendants(pid)),
    }


def run(options: Options) -> Report:
    each = max(1, int(options.seconds * GRADES_PER_SECOND / ROUNDS))
    parts: list[Records] = []
    states: list[dict[str, Any]] = []
    with stage(options) as here:
        for number in range(ROUNDS):
            plan = Plan(
                here.address,
                SHARES,
                most=each,
                connections=CONNECTIONS,
                first=number * each,
                seed=number,
            )
            parts.append(send(plan))
            states.append(_state(here))
        rewarded = here.rewarded()
        engine = here.sandbox()["engine"]
    records = Records.together(*parts)
    warm, last = states[WARM - 1], states[-1]
    checks = [
        *honest(records, rewarded),
        Check("every request was graded", records.only("right")),
        *timed(
            options,
            [
                Check(
                    f"memory is flat: {warm['server MB']} MB after {WARM * each} grades, {last['server MB']} at the end",
                    last["server MB"] <= GROWTH * warm["server MB"],
                )
            ],
        ),
        Check(
            f"descriptors are flat: {warm['descriptors']}, {last['descriptors']}",
            last["descriptors"] <= warm["descriptors"] + CONNECTIONS,
        ),
    ]
    rows = [
        {"": f"after {(number + 1) * each:,}", "per second": round(part.per_second()), **state}
        for number, (part, state) in enumerate(zip(parts, states, strict=True))
    ]
    return Report(
        "leaks", f"{ROUNDS * each:,} grades of all kinds, python graders in {engine}", rows, checks
    )
