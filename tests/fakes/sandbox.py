"""A sandbox that does what a test has scripted, and fails loudly when asked for more."""

import asyncio
import threading
from collections.abc import Iterable

from grader_service.sandbox.base import Outcome, Program, SandboxStatus


class Gate:
    """Holds a grade until a test opens it, from whatever thread."""

    def __init__(self) -> None:
        self._opened = threading.Event()

    async def passed(self) -> None:
        await asyncio.to_thread(self._opened.wait, 60)

    def open(self) -> None:
        self._opened.set()


Step = float | Exception | Gate


class ScriptedSandbox:
    """Each `run` takes the next step: a number is the outcome, an error is raised, a gate is waited at."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = list(steps)
        self.programs: list[Program] = []

    async def run(self, program: Program) -> Outcome:
        self.programs.append(program)
        assert self._steps, "the sandbox was asked for more than was scripted"
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, Gate):
            await step.passed()
            return Outcome(1.0)
        return Outcome(step)

    def status(self) -> SandboxStatus:
        return SandboxStatus("off", ready=True, reason="scripted by a test")
