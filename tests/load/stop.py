"""SIGTERM in full load: what was accepted is answered, what comes later is refused, the process ends well."""

import signal
import time

from tests.load.generator import Plan, Sending, send
from tests.load.report import Check, Options, Report
from tests.load.stage import MIX, honest, stage

SECONDS = 20
END_SECONDS = 60
CLOSING_SECONDS = 0.5
"""So long a request may still slip in: the listener closes in its own turn."""


def run(options: Options) -> Report:
    half = options.seconds / 2
    with stage(options) as here:
        rate = send(Plan(here.address, MIX, seconds=half / 2, first=10_000_000)).per_second()
        sending = Sending(
            Plan(here.address, MIX, rate=rate, seconds=options.seconds, connections=64)
        )
        time.sleep(half)
        asked = time.monotonic()
        here.server.process.send_signal(signal.SIGTERM)
        status = here.server.process.wait(END_SECONDS)
        took = time.monotonic() - asked
        records = sending.finish()
        rewarded = here.rewarded()
    ours = type(rewarded)({name: rewarded[name] for name in rewarded if int(name[5:]) < 10_000_000})
    accepted = records.where(lambda each: f"load-{each.number}" in ours)
    turned_away = records.where(lambda each: f"load-{each.number}" not in ours)
    late = records.where(lambda each: each.planned > asked + CLOSING_SECONDS + took)
    checks = [
        *honest(accepted, ours),
        Check("every accepted request was graded", accepted.only("right")),
        Check(
            "no other one has an answer that is a grade", not turned_away.count("right", "wrong")
        ),
        Check("later requests find nobody", late.only("refused")),
        Check(f"the process ends with status 0: {status}", status == 0),
    ]
    rows = [
        accepted.where(lambda each: each.done < asked).row("answered before"),
        accepted.where(lambda each: each.done >= asked).row("answered after"),
        turned_away.row("not accepted"),
    ]
    conditions = f"{rate:.0f} requests/s of the mixture, which is all that the server can do; it ended {took:.1f} s after SIGTERM"
    return Report("stop", conditions, rows, checks)
