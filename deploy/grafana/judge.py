"""Judges: money, calls, tokens, what stands in the way."""

from panels import Json, areas, board, lines, number
from promql import quantiles, rate

BREAKER = "0 closed, 1 half open, 2 open: nothing is sent."


def _money() -> list[Json]:
    budget = "on (instance) grader_judge_budget"
    left = {
        "today {{instance}}": f'1 - grader_judge_spent_today / {budget}{{period="day"}}',
        "in all {{instance}}": f'1 - grader_judge_spent_total / {budget}{{period="total"}}',
    }
    hourly = {"{{model}}": f"3600 * {rate('grader_judge_cost_total', 'model')}"}
    spent = "sum(grader_judge_spent_today)"
    return [
        number("Spent today", "UTC, in the currency of the prices.", spent, "none"),
        lines("Budget left", "", left, "percentunit", min=0, max=1),
        lines("Cost per hour", "", hourly, "none"),
    ]


def _calls() -> list[Json]:
    outcomes = f"{rate('grader_judge_calls_total', 'upstream, outcome')} > 0"
    times = quantiles((0.5, 0.99), "grader_judge_call_seconds", "model")
    return [
        areas(
            "Calls by outcome", "Each try is one.", {"{{upstream}} {{outcome}}": outcomes}, "reqps"
        ),
        lines("Call time", "", times, "s"),
    ]


def _rest() -> list[Json]:
    tokens = f"{rate('grader_judge_tokens_total', 'model, kind')} > 0"
    breaker = "max by (upstream) (grader_judge_breaker)"
    sought = rate("grader_judge_answers_sought_total", "place, result")
    return [
        lines(
            "Tokens per second",
            "Cached ones are part of the prompt's.",
            {"{{model}} {{kind}}": tokens},
        ),
        lines("Breaker", BREAKER, {"{{upstream}}": breaker}, "none", min=0, max=2),
        areas("Cache and calls under way", "", {"{{place}} {{result}}": sought}, "ops"),
    ]


def judge() -> Json:
    return board("judge", "judge", [_money(), _calls(), _rest()])
