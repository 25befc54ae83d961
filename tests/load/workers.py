"""Sandbox workers are killed all the time, under load: a grade is asked of another worker, or fails by name."""

import time

from tests.load.generator import Plan, Sending, send
from tests.load.records import Records
from tests.load.report import Check, Options, Report
from tests.load.stage import honest, stage
from tests.load.victims import kill_worker

SECONDS = 60
RATE = 50
EVERY_SECONDS = 0.75
SHARES = {"python": 0.7, "string": 0.3}


def run(options: Options) -> Report:
    killed = 0
    with stage(options) as here:
        engine, pid = here.sandbox()["engine"], here.server.process.pid
        send(Plan(here.address, {"python": 1}, rate=RATE, most=10, first=2_000_000))
        sending = Sending(Plan(here.address, SHARES, rate=RATE, seconds=options.seconds))
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            killed += kill_worker(pid, engine)
            time.sleep(EVERY_SECONDS)
        during = sending.finish()
        after = send(Plan(here.address, SHARES, rate=RATE, seconds=1, first=1_000_000))
        rewarded = here.rewarded()
        lost = here.metric("grader_sandbox_workers_lost_total{")
    ours = type(rewarded)({name: rewarded[name] for name in rewarded if int(name[5:]) < 2_000_000})
    python = during.where(lambda each: each.kind == "python")
    checks = [
        *honest(Records.together(during, after), ours),
        Check(
            f"workers were killed: {killed}, and the service saw it: {lost:.0f}", killed > 0 < lost
        ),
        Check("python graders are graded, or fail by name", python.only("right", "failed")),
        Check(
            "other graders do not notice",
            during.where(lambda each: each.kind == "string").only("right"),
        ),
        Check("once the killing is over, all is graded", after.only("right")),
    ]
    conditions = (
        f"{RATE} requests/s, 70 % python in {engine}, for {options.seconds:g} s; a worker or its grade is killed "
        f"each {EVERY_SECONDS:g} s: {killed}"
    )
    return Report("workers", conditions, [*during.rows(), after.row("after")], checks)
