"""The judge: calls, tokens and cost by upstream and model, what was saved, and what stands in the way."""

from collections.abc import Callable, Mapping
from typing import Any, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from grader_service.events import (
    BreakerChanged,
    BudgetCharged,
    JudgeAnswered,
    JudgeAnswerSought,
    JudgeOpened,
    JudgeOutcome,
)
from grader_service.metrics.buckets import SECONDS

OUTCOMES: tuple[str, ...] = get_args(JudgeOutcome)
TOKENS = ("prompt", "cached", "completion")
BREAKER = ("closed", "half_open", "open")
SOUGHT = (
    ("cache", "hit"),
    ("cache", "miss"),
    ("cache", "error"),
    ("flight", "hit"),
)


class JudgeMetrics:
    """Of `JudgeOpened`, `JudgeAnswered`, `JudgeAnswerSought`, `BreakerChanged` and `BudgetCharged`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "grader_judge_calls",
            "Calls of judges' upstreams, each try one, by outcome.",
            ("upstream", "model", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "grader_judge_call_seconds",
            "Time of one call of an upstream.",
            ("upstream", "model"),
            buckets=SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "grader_judge_tokens",
            "Tokens that upstreams reported; cached ones are part of the prompt's.",
            ("upstream", "model", "kind"),
            registry=registry,
        )
        self._cost = Counter(
            "grader_judge_cost",
            "What calls have cost, in the currency of the configured prices.",
            ("upstream", "model"),
            registry=registry,
        )
        self._say_what_holds(registry)

    def _say_what_holds(self, registry: CollectorRegistry) -> None:
        """What is saved, and what stands in the way."""
        sought = Counter(
            "grader_judge_answers_sought",
            "Questions looked for in the cache or among those in flight, by result.",
            ("place", "result"),
            registry=registry,
        )
        self._sought = {key: sought.labels(*key) for key in SOUGHT}
        self._breaker = Gauge(
            "grader_judge_breaker",
            "State of an upstream's circuit breaker: 0 closed, 1 half open, 2 open.",
            ("upstream",),
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._today = Gauge(
            "grader_judge_spent_today",
            "What judges have cost today (UTC).",
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self._total = Gauge(
            "grader_judge_spent_total",
            "What judges have cost in all.",
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self._limits = Gauge(
            "grader_judge_budget",
            "Most that judges may cost, by period; absent where there is no limit.",
            ("period",),
            multiprocess_mode="mostrecent",
            registry=registry,
        )

    def handlers(self) -> Mapping[Any, Callable[[Any], None]]:
        return {
            JudgeOpened: self._opened,
            JudgeAnswered: self._answered,
            JudgeAnswerSought: lambda event: self._sought[event.place, event.result].inc(),
            BreakerChanged: lambda event: self._breaker.labels(event.upstream).set(
                BREAKER.index(event.state)
            ),
            BudgetCharged: self._charged,
        }

    def _opened(self, event: JudgeOpened) -> None:
        """Make every series that the configuration can give."""
        for upstream, model in event.models:
            for outcome in OUTCOMES:
                self._calls.labels(upstream, model, outcome)
            for kind in TOKENS:
                self._tokens.labels(upstream, model, kind)
            self._seconds.labels(upstream, model)
            self._cost.labels(upstream, model)
            self._breaker.labels(upstream).set(0)
        for period, limit in event.budgets.items():
            self._limits.labels(period).set(limit)

    def _answered(self, event: JudgeAnswered) -> None:
        key = (event.upstream, event.model)
        self._calls.labels(*key, event.outcome).inc()
        self._seconds.labels(*key).observe(event.seconds)
        tokens = (
            event.usage.prompt_tokens,
            event.usage.cached_tokens,
            event.usage.completion_tokens,
        )
        for kind, number in zip(TOKENS, tokens, strict=True):
            self._tokens.labels(*key, kind).inc(number)
        self._cost.labels(*key).inc(event.cost or 0.0)

    def _charged(self, event: BudgetCharged) -> None:
        self._today.set(event.today)
        self._total.set(event.total)
