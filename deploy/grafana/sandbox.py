"""Python graders: starts, waits, ends, workers."""

from panels import Json, areas, board, lines, number
from promql import RATE, quantiles, rate, share

STARTS = "grader_sandbox_starts_total"
LEVELS = (0.5, 0.9, 0.99)


def _now() -> list[Json]:
    warm = share(f'sum(rate({STARTS}{{start="warm"}}[{RATE}]))', f"sum(rate({STARTS}[{RATE}]))")
    engines = 'sum(grader_sandbox_engine{engine!="off"})'
    spares = 'sum(grader_sandbox_workers{state="spare"})'
    return [
        number("Engines", "Replicas that can run python graders.", engines),
        number(
            "Waiting",
            "Grades that wait for a worker now.",
            "sum(grader_sandbox_waiting)",
            "short",
            100,
        ),
        number("Warm", "Programs whose source a worker had loaded.", warm, "percentunit"),
        number("Spare workers", "Ready for unseen graders.", spares),
    ]


def _programs() -> list[Json]:
    ends = f"{rate('grader_sandbox_runs_total', 'end')} > 0"
    return [
        areas("Programs by end", "value, or the kind of the error.", {"{{end}}": ends}, "ops"),
        areas("Warm and cold starts", "", {"{{start}}": rate(STARTS, "start")}, "ops"),
    ]


def _times() -> list[Json]:
    return [
        lines("Wait for a worker", "", quantiles(LEVELS, "grader_sandbox_queue_seconds"), "s"),
        lines("Time in the worker", "", quantiles(LEVELS, "grader_sandbox_run_seconds"), "s"),
    ]


def _workers() -> list[Json]:
    states = "sum by (state) (grader_sandbox_workers)"
    lost = rate("grader_sandbox_workers_lost_total", "reason")
    explained = "Thrown away early: died, dirty, silent, or a broken protocol."
    return [
        areas("Workers by state", "", {"{{state}}": states}),
        areas("Workers lost", explained, {"{{reason}}": lost}, "ops"),
    ]


def sandbox() -> Json:
    return board("sandbox", "sandbox", [_now(), _programs(), _times(), _workers()])
