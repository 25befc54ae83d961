"""Traffic, errors, times, slowest graders."""

from panels import Json, areas, board, lines, number, table
from promql import RATE, quantile, quantiles, rate, share

GRADES = f"sum(rate(grader_grades_total[{RATE}]))"


def _now() -> list[Json]:
    failed = share(f'sum(rate(grader_grades_total{{state="failed"}}[{RATE}]))', GRADES)
    faults = "max(grader_catalogue_faults)"
    return [
        number("Grades per second", "Parts of multis count, too.", GRADES, "ops"),
        number(
            "Failed", "Not the samples' fault: trainers drop them.", failed, "percentunit", 0.02
        ),
        number(
            "In flight", "GRADER_MAX_IN_FLIGHT bounds it.", "sum(grader_in_flight)", "short", 410
        ),
        number("Catalogue faults", "Files whose newest form is not served.", faults, "short", 1),
    ]


def _outcomes() -> list[Json]:
    statuses = f"{rate('grader_requests_total', 'status')} > 0"
    states = rate("grader_grades_total", "state")
    explained = "value: a reward; invalid: the sample's fault; failed: not the sample's."
    return [
        areas("Requests by status", "", {"{{status}}": statuses}, "reqps"),
        areas("Grades by outcome", explained, {"{{state}}": states}, "ops"),
    ]


def _failures() -> list[Json]:
    without = rate("grader_grades_total", "state", 'state!="value"')
    unfit = f"{without} / ignoring (state) group_left ({GRADES} > 0)"
    causes = f"{rate('grader_causes_total', 'kind')} > 0"
    return [
        lines(
            "Share without a reward", "Of all grades.", {"{{state}}": unfit}, "percentunit", min=0
        ),
        areas("Causes", "Why grades had no reward.", {"{{kind}}": causes}, "ops"),
    ]


def _times() -> list[Json]:
    posts = 'route=~"openai_.*|catalogue_score"'
    requests = quantiles((0.5, 0.99), "grader_request_seconds", "route", posts)
    grade = {level: quantile(level, "grader_grade_seconds", "type") for level in (0.5, 0.99)}
    return [
        lines("Request time", "From headers to answer, POST routes.", requests, "s"),
        lines("Grade time, p50", "By grader type.", {"{{type}}": grade[0.5]}, "s"),
        lines("Grade time, p99", "By grader type.", {"{{type}}": grade[0.99]}, "s"),
    ]


def _slowest() -> list[Json]:
    buckets = "sum by (le, grader) (rate(grader_catalogue_grade_seconds_bucket[1h]))"
    slowest = f"topk(10, histogram_quantile(0.99, {buckets}))"
    cpu = {"{{instance}}": f'rate(process_cpu_seconds_total{{job="grader"}}[{RATE}])'}
    memory = {"{{instance}}": 'process_resident_memory_bytes{job="grader"}'}
    return [
        table("Slowest graders", "Of the catalogue, p99 of the last hour.", slowest, "s"),
        lines("Processor", "Of the server's own process; 100 % is one.", cpu, "percentunit", min=0),
        lines("Memory", "Of the server's own process.", memory, "bytes", min=0),
    ]


def _runs() -> list[Json]:
    rows = rate("grader_run_rows_total", "outcome")
    counts = {
        "begun": f"sum(increase(grader_runs_started_total[{RATE}]))",
        "{{status}}": f"sum by (status) (increase(grader_runs_ended_total[{RATE}]))",
    }
    sent = {"{{outcome}}": f"sum by (outcome) (increase(grader_webhooks_total[{RATE}]))"}
    away = "sum(increase(grader_store_failures_total[15m]))"
    return [
        areas("Rows of runs", "Of the Evals API, by outcome.", {"{{outcome}}": rows}, "ops"),
        lines("Runs", "Begun (or taken over), and by how they ended.", counts, "short", min=0),
        lines("Webhooks", "Tries to send an event, by outcome.", sent, "short", min=0),
        number("Database away", "Times in 15 minutes that work on runs met it.", away, "short", 1),
    ]


def overview() -> Json:
    rows = [_now(), _outcomes(), _failures(), _times(), _slowest(), _runs()]
    return board("overview", "overview", rows)
