"""What the service makes of an answer that graded code may have written itself."""

import json
import math
import struct

import pytest

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
from grader_service.sandbox import frames, verdicts
from grader_service.sandbox.frames import Answer


def judge(verdict: bytes, body: bytes = b"", stdout: str = "") -> float:
    return verdicts.value(Answer(verdict, 0.1, body, stdout, ""), 120, 2 << 30)


def test_value() -> None:
    assert judge(frames.VALUE, struct.pack("!d", 1 / 3)) == 1 / 3


@pytest.mark.parametrize(
    "body", [b"", b"1.0", struct.pack("!d", math.nan), struct.pack("!d", -math.inf)]
)
def test_value_that_is_none(body: bytes) -> None:
    with pytest.raises(ProcessKilled):
        judge(frames.VALUE, body)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (json.dumps({"kind": "raised", "details": "words"}).encode(), SourceRaised),
        (json.dumps({"kind": "bad_return", "details": "words"}).encode(), BadReturnValue),
        (json.dumps({"kind": "source", "details": "words"}).encode(), SourceInvalid),
        (json.dumps({"kind": "memory", "details": "words"}).encode(), MemoryLimitExceeded),
        (json.dumps({"kind": "value", "details": "1"}).encode(), ProcessKilled),
        (json.dumps({"kind": ["raised"], "details": "1"}).encode(), ProcessKilled),
        (json.dumps(["raised"]).encode(), ProcessKilled),
        (b"[" * 60_000, ProcessKilled),
        (b"\xff\x00", ProcessKilled),
        (b"", ProcessKilled),
    ],
)
def test_error_of_the_grades_own(body: bytes, error: type[CannotGrade]) -> None:
    with pytest.raises(error):
        judge(frames.ERROR, body)


def test_details_are_bounded_and_can_be_encoded() -> None:
    body = json.dumps({"kind": "raised", "details": "\ud800" + "x" * 100_000}).encode()
    with pytest.raises(SourceRaised) as caught:
        judge(frames.ERROR, body, stdout="o" * 64_000)
    assert len(caught.value.details) < 20_000
    assert caught.value.details.encode()
    assert "stdout:\nooo" in caught.value.details


@pytest.mark.parametrize(
    ("verdict", "body", "error", "mention"),
    [
        (frames.TIMEOUT, b"", TimeLimitExceeded, "120 s"),
        (frames.MEMORY, b"", MemoryLimitExceeded, "2 GiB"),
        (frames.SIGNAL, struct.pack("!i", 11), ProcessKilled, "SIGSEGV"),
        (frames.SIGNAL, struct.pack("!i", 63), ProcessKilled, "signal 63"),
        (frames.EXITED, struct.pack("!i", 3), ProcessKilled, "status 3"),
        (frames.FORGED, b"", ProcessKilled, "not `grade`'s own"),
        (frames.CANCELLED, b"", SandboxUnavailable, "called off"),
        (b"?", b"", SandboxUnavailable, "called off"),
    ],
)
def test_verdict_of_the_runner(
    verdict: bytes, body: bytes, error: type[CannotGrade], mention: str
) -> None:
    with pytest.raises(error, match=mention):
        judge(verdict, body)
