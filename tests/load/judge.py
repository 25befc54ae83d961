"""The judge's API goes away and comes back: the breaker opens, nothing is scored meanwhile, then all is well again."""

import json
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests import processes
from tests.load.generator import Plan, Sending, send
from tests.load.records import Records
from tests.load.report import Check, Options, Report
from tests.load.stage import Stage, honest, stage

SECONDS = 30
RATE = 50
SHARES = {"judge": 0.5, "string": 0.5}
BREAKER_FAILURES = 5
BREAKER_SECONDS = 1.0
OPEN = 2
ROUND = 1_000_000


def _judges(folder: Path, base_url: str) -> Path:
    upstream = {
        "base_url": base_url,
        "tries": 2,
        "breaker_failures": BREAKER_FAILURES,
        "breaker_seconds": BREAKER_SECONDS,
    }
    path = folder / "judges.json"
    models = {"*": {"upstream": "fake"}}
    path.write_text(json.dumps({"upstreams": {"fake": upstream}, "models": models}))
    return path


def _phase(here: Stage, seconds: float, number: int) -> Plan:
    return Plan(here.address, SHARES, rate=RATE, seconds=seconds, first=number * ROUND)


def _breaker(here: Stage) -> float:
    return here.metric("grader_judge_breaker{")


def _closed(here: Stage) -> bool:
    """Send until the probe has found the upstream well; False where it never does."""
    for number in range(200):
        send(Plan(here.address, {"judge": 1}, rate=10, most=1, first=9 * ROUND + number))
        if _breaker(here) == 0:
            return True
        time.sleep(0.1)
    return False


def run(options: Options) -> Report:
    third = options.seconds / 3
    with tempfile.TemporaryDirectory() as folder, processes.upstream() as free:
        pass
    port = urlsplit(free).port or 0
    with tempfile.TemporaryDirectory() as folder:
        judges = _judges(Path(folder), free)
        quiet = Options(options.seconds, "off")
        with stage(quiet, judges=judges) as here:
            with processes.upstream(port=port):
                before = send(_phase(here, third, 1))
            sending = Sending(_phase(here, third, 2))
            end = time.monotonic() + third
            opened = False
            while time.monotonic() < end:
                opened = opened or _breaker(here) == OPEN
                time.sleep(0.05)
            away = sending.finish()
            with processes.upstream(port=port):
                recovered = _closed(here)
                after = send(_phase(here, third, 3))
            rewarded = here.rewarded()
    every = Records.together(before, away, after)
    ours = type(rewarded)({name: rewarded[name] for name in rewarded if int(name[5:]) < 9 * ROUND})
    judged = away.where(lambda each: each.kind == "judge")
    checks = [
        *honest(every, ours),
        Check("with the judge, all is graded", before.only("right")),
        Check("without, every answer is an error by name and no score", judged.only("failed")),
        Check(
            "graders without a judge go on",
            away.where(lambda each: each.kind == "string").only("right"),
        ),
        Check("the breaker opened", opened),
        Check("and closed when the judge was back", recovered),
        Check("then all is graded again", after.only("right")),
    ]
    rows = [
        before.row("before"),
        *away.rows(),
        after.row("after"),
    ]
    conditions = (
        f"{RATE} requests/s, half of them judged; two tries, breaker after {BREAKER_FAILURES} failures for {BREAKER_SECONDS:g} s; "
        "the middle rows are without the judge"
    )
    return Report("judge", conditions, rows, checks)
