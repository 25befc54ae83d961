"""From a runner's answer to a number or a named error; nothing that graded code wrote is taken on trust."""

import json
import math
import signal
from collections.abc import Mapping
from types import MappingProxyType

from grader_service.errors import (
    BadReturnValue,
    CannotGrade,
    MemoryLimitExceeded,
    ProcessKilled,
    SandboxUnavailable,
    SourceInvalid,
    SourceRaised,
    TimeLimitExceeded,
)
from grader_service.sandbox import frames
from grader_service.sandbox.frames import Answer

_MAX_DETAILS = 10_000
_LOGS_SHOWN = 2_000

_KINDS: Mapping[str, type[CannotGrade]] = MappingProxyType(
    {
        "raised": SourceRaised,
        "bad_return": BadReturnValue,
        "source": SourceInvalid,
        "memory": MemoryLimitExceeded,
    }
)


def value(answer: Answer, timeout_seconds: float, memory_bytes: int) -> float:
    """The finite number that `grade` returned.

    Raises:
        CannotGrade: with the cause, and the end of what the program printed, in its details.
    """
    if answer.verdict == frames.VALUE and len(answer.body) == frames.DOUBLE.size:
        (number,) = frames.DOUBLE.unpack(answer.body)
        if math.isfinite(number):
            return float(number)
    error, details = _cause(answer, timeout_seconds, memory_bytes)
    raise error(details + _logs(answer))


def _cause(
    answer: Answer, timeout_seconds: float, memory_bytes: int
) -> tuple[type[CannotGrade], str]:
    match answer.verdict:
        case frames.ERROR:
            return _own_error(answer.body, memory_bytes)
        case frames.TIMEOUT:
            return (
                TimeLimitExceeded,
                f"time limit exceeded: the grader ran for {timeout_seconds:g} s",
            )
        case frames.MEMORY:
            return MemoryLimitExceeded, _memory(memory_bytes)
        case frames.SIGNAL:
            return ProcessKilled, f"the grader's process was killed by {_signal(answer.body)}"
        case frames.EXITED:
            status = _int(answer.body)
            return (
                ProcessKilled,
                f"the grader's process ended (exit status {status}) before `grade` returned",
            )
        case frames.FORGED | frames.VALUE:
            return ProcessKilled, "the grader's process wrote an answer that is not `grade`'s own"
        case _:
            return SandboxUnavailable, "the grade was called off"


def _own_error(body: bytes, memory_bytes: int) -> tuple[type[CannotGrade], str]:
    try:
        told = json.loads(body)
        kind, details = _KINDS[told["kind"]], str(told["details"])[:_MAX_DETAILS]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ProcessKilled, "the grader's process wrote an error that is not the sandbox's own"
    if kind is MemoryLimitExceeded:
        details = f"{_memory(memory_bytes)}\n{details}"
    return kind, details.encode("utf-8", "backslashreplace").decode()


def _memory(memory_bytes: int) -> str:
    return f"memory limit exceeded: {memory_bytes / (1 << 30):g} GiB, /tmp included"


def _signal(body: bytes) -> str:
    number = _int(body)
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _int(body: bytes) -> int:
    return int(frames.INT.unpack(body)[0]) if len(body) == frames.INT.size else -1


def _logs(answer: Answer) -> str:
    shown = [
        f"\n{name}:\n{text[-_LOGS_SHOWN:]}"
        for name, text in (("stdout", answer.stdout), ("stderr", answer.stderr))
        if text
    ]
    return "".join(shown)
