"""Three times what the server can do: the surplus is told to come back, what is accepted stays quick.

The two limits are sized as deploy/README.md says. The last row has the default settings, where callers wait rather
than being sent away.
"""

from typing import Any

from tests.load.generator import Plan, send
from tests.load.records import Records
from tests.load.report import Check, Options, Report, timed
from tests.load.stage import MIX, Stage, honest, stage

SECONDS = 40
IN_FLIGHT = 24
QUEUE = 4
NORMAL = 0.8
SURPLUS = 3
CONNECTIONS = 256
ROUND = 10_000_000
"""Numbers of one phase, so that none comes twice."""


def _capacity(here: Stage, seconds: float) -> float:
    """Requests/s that are answered where nobody waits for a turn of the schedule."""
    send(Plan(here.address, MIX, seconds=seconds / 2, connections=QUEUE + 2, first=0))
    records = send(Plan(here.address, MIX, seconds=seconds, connections=QUEUE + 2, first=ROUND))
    return records.per_second()


def _at(here: Stage, rate: float, seconds: float, phase: int) -> Records:
    connections = min(CONNECTIONS, max(16, int(rate * seconds)))
    return send(
        Plan(
            here.address,
            MIX,
            rate=rate,
            seconds=seconds,
            connections=connections,
            first=ROUND * phase,
        )
    )


def _patient(options: Options, rate: float, seconds: float) -> list[dict[str, Any]]:
    """The default settings, for comparison; only where figures count."""
    if not options.timing:
        return []
    with stage(options) as here:
        return [_at(here, rate, seconds, 3).row(f"{rate:.0f}/s, default settings")]


def run(options: Options) -> Report:
    seconds = options.seconds / 4
    with stage(options, max_in_flight=IN_FLIGHT, sandbox_queue=QUEUE) as here:
        capacity = _capacity(here, seconds / 2)
        before = _at(here, NORMAL * capacity, seconds, 2)
        surplus = _at(here, SURPLUS * capacity, seconds, 3)
        after = _at(here, NORMAL * capacity / 2, seconds / 2, 4)
        rewarded = here.rewarded()
        engine = here.sandbox()["engine"]
    answered = Records.together(before, surplus, after)
    ours = {number: rewarded[number] for number in rewarded if int(number[5:]) >= 2 * ROUND}
    checks = [
        *honest(answered, type(rewarded)(ours)),
        Check("every request was graded or told to come back", answered.only("right", "shed")),
        Check("the surplus was shed with 429 and Retry-After", surplus.count("shed") > 0),
        Check("afterwards nothing is shed", after.only("right")),
        *timed(
            options,
            [
                Check(
                    f"p99 of accepted work is within twice the normal one: {surplus.percentile(0.99):.0f} ms, "
                    f"{before.percentile(0.99):.0f} ms",
                    surplus.percentile(0.99) <= 2 * before.percentile(0.99),
                )
            ],
        ),
    ]
    rows = [
        before.row(f"{NORMAL * capacity:.0f}/s"),
        *surplus.rows(),
        after.row(f"{NORMAL * capacity / 2:.0f}/s"),
        *_patient(options, SURPLUS * capacity, seconds),
    ]
    conditions = (
        f"capacity {capacity:.0f} requests/s of the mixture; normal is {NORMAL:.0%} of it, the middle rows have "
        f"{SURPLUS} times it; GRADER_MAX_IN_FLIGHT={IN_FLIGHT}, GRADER_SANDBOX_QUEUE={QUEUE}, python graders in {engine}"
    )
    return Report("overload", conditions, rows, checks)
