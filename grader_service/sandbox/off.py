"""The sandbox where none can be had: every program is refused with a sentence that says what to do."""

from grader_service.errors import SandboxOff
from grader_service.sandbox.base import Outcome, Program, SandboxStatus


class NoSandbox:
    """Implements `Sandbox` by refusing; `reason` is a whole sentence."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def run(self, program: Program) -> Outcome:
        raise SandboxOff(self._reason)

    def status(self) -> SandboxStatus:
        return SandboxStatus("off", ready=False, reason=self._reason)
