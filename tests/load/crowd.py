"""Many new callers at once, beside some who keep the server busy: newcomers do not wait until the others are done."""

import time

from tests.load.generator import Plan, Sending, send
from tests.load.records import Records
from tests.load.report import Check, Options, Report, timed
from tests.load.stage import honest, stage

SECONDS = 12
REGULARS = 128
NEWCOMERS = 500
FAIR = 25
ROUND = 10_000_000


def run(options: Options) -> Report:
    shares = {"string": 1.0}
    with stage(Options(options.seconds, "off")) as here:
        busy = Plan(here.address, shares, seconds=options.seconds, connections=REGULARS)
        sending = Sending(busy)
        time.sleep(options.seconds / 4)
        came = Plan(here.address, shares, most=NEWCOMERS, connections=NEWCOMERS, first=ROUND)
        newcomers = send(came)
        regulars = sending.finish()
        rewarded = here.rewarded()
    both = Records.together(regulars, newcomers)
    half, usual = newcomers.percentile(0.5), regulars.percentile(0.5)
    checks = [
        *honest(both, rewarded),
        Check("every request was graded or told to come back", both.only("right", "shed")),
        *timed(
            options,
            [
                Check(
                    f"half of the newcomers wait at most {FAIR} times as long as a regular: {half:.0f} ms, {usual:.0f} ms",
                    half <= FAIR * usual,
                )
            ],
        ),
    ]
    conditions = f"{REGULARS} callers ask as soon as they have their answer; {NEWCOMERS} more connect at once and ask one string_check each"
    return Report(
        "crowd", conditions, [regulars.row("regulars"), newcomers.row("newcomers")], checks
    )
