"""Steady mixed load: string 60 %, python 30 %, judge 10 % at 50 requests/s."""

from tests.load.generator import Plan, send
from tests.load.report import Check, Options, Report
from tests.load.stage import MIX, honest, stage

SECONDS = 600
RATE = 50


def run(options: Options) -> Report:
    with stage(options) as here:
        records = send(Plan(here.address, MIX, rate=RATE, seconds=options.seconds))
        counted = here.metric('grader_requests_total{route="')
        checks = [
            *honest(records, here.rewarded()),
            Check("every request was graded", records.only("right")),
            Check("the metrics count every request", counted >= len(records.all)),
        ]
        engine = here.sandbox()["engine"]
    conditions = f"{RATE} requests/s for {options.seconds:g} s, python graders in {engine}"
    return Report("mixed", conditions, list(records.rows()), checks)
