"""The frames between the runner and the service, and between the runner and one grade's process.

`grader_service/sandbox/frames.py` is the other side of the first half; a test compares the two.
"""

import os
import struct

FRAME = struct.Struct("!cI16s")
"""Service and runner: kind, length of what follows, token of the request (zeros where there is none)."""

HELLO = b"H"  # runner: started, no source yet
LOAD = b"L"  # service: the source, as UTF-8
REFUSED = b"N"  # runner: this source can never grade; a JSON object with `details`
GRADE = b"G"  # service: a JSON object with `sample` and `item`
ANSWER = b"A"  # runner: see VERDICT
READY = b"R"  # runner: the next grade's process waits
DIRTY = b"D"  # runner: something of the last grade could not be removed; the worker ends itself
CANCEL = b"C"  # service: nobody waits for this token's answer any more
PING = b"P"  # service, echoed by the idle runner

NO_TOKEN = bytes(16)
MAX_REQUEST_BYTES = 64 * 1024 * 1024

VERDICT = struct.Struct("!cBdIII")
"""Kind, flags (1: stdout was cut, 2: stderr was cut), run seconds, lengths of body, stdout, stderr (they follow)."""

VALUE = b"V"  # body: 8-byte float
ERROR = b"E"  # body: a JSON object with `kind` and `details`, written by the grade's own process: not to be trusted
TIMEOUT = b"T"
MEMORY = b"M"
SIGNAL = b"S"  # body: 4-byte signal number
EXITED = b"X"  # body: 4-byte exit status
FORGED = b"F"
CANCELLED = b"K"

MAX_OUTPUT_BYTES = 64 * 1024

CALL = struct.Struct("!cI16s")
"""Runner and grade: kind, length of what follows, nonce (only in answers)."""

REQUEST = struct.Struct("!I")
"""Runner to grade: length of the JSON that follows; the nonce comes last and is left unread until `grade` is done."""

NONCE_BYTES = 16
CALL_VALUE = VALUE
CALL_ERROR = ERROR
CALL_UNTRUSTED = b"U"  # a JSON object, and four descriptors: source, stdin, stdout, stderr, status (see grading_sandbox)
MAX_CALL_BYTES = 64 * 1024

INT = struct.Struct("!i")
DOUBLE = struct.Struct("!d")


def write_all(descriptor: int, parts: list[bytes | memoryview]) -> None:
    """Write every part, in order, however often the kernel takes only some of it."""
    views = [memoryview(part) for part in parts if len(part)]
    while views:
        written = os.writev(descriptor, views[:64])
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if written:
            views[0] = views[0][written:]
