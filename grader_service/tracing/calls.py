"""The engines with a span around each call; what they do inside is told by events."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from grader_service.endpoints.base import Call, Endpoints
from grader_service.judge.base import Embeddings, Judge, Load, Question, Verdict
from grader_service.sandbox.base import Outcome, Program, Sandbox, SandboxStatus
from grader_service.trace import Trace

T = TypeVar("T")


class TracedSandbox:
    """Implements `Sandbox`."""

    def __init__(self, sandbox: Sandbox, trace: Trace) -> None:
        self._sandbox = sandbox
        self._trace = trace

    async def run(self, program: Program) -> Outcome:
        with self._trace.span("sandbox"):
            return await self._sandbox.run(program)

    def status(self) -> SandboxStatus:
        return self._sandbox.status()


class TracedJudge:
    """Implements `Judge`."""

    def __init__(self, judge: Judge, trace: Trace) -> None:
        self._judge = judge
        self._trace = trace

    async def complete(self, question: Question[T]) -> Verdict[T]:
        with self._trace.span("judge"):
            return await self._judge.complete(question)

    async def embed(self, texts: Sequence[str], tenant: str = "") -> Embeddings:
        with self._trace.span("judge.embed"):
            return await self._judge.embed(texts, tenant)

    def check_model(self, model: str) -> bool | None:
        return self._judge.check_model(model)

    def load(self) -> Mapping[str, Load]:
        return self._judge.load()


class TracedEndpoints:
    """Implements `Endpoints`."""

    def __init__(self, endpoints: Endpoints, trace: Trace) -> None:
        self._endpoints = endpoints
        self._trace = trace

    async def score(self, call: Call) -> float:
        with self._trace.span("endpoint"):
            return await self._endpoints.score(call)

    def check(self, url: str) -> list[str]:
        return self._endpoints.check(url)
