"""Importable within a grader: run model-written code apart from the grader, which alone has seen the item.

The program runs in a new interpreter, under an identity of its own, with an own time and memory
limit. It can read neither the grader's memory nor its files, and everything that it has started is
killed when it ends.
"""

import os
import selectors
import socket
import struct
import time
from dataclasses import dataclass

MAX_OUTPUT_BYTES = 1 << 20

_CHANNEL = 3
_HEAD = struct.Struct("!cI16s")  # see `wire.CALL`
_CALL = struct.Struct("!dQ")
_STATUS = struct.Struct("!i?")
_PATIENCE_SECONDS = 5.0
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended. Both outputs are cut at 1 MiB; `exit_status` is negative where a signal ended it."""

    stdout: str
    stderr: str
    exit_status: int
    timed_out: bool


def run_untrusted(
    source: str, stdin: str = "", *, timeout_seconds: float = 10.0, memory_bytes: int = 256 << 20
) -> Finished:
    """Run a Python program that nobody trusts, and wait for its end.

    Its time counts as the grade's time. Raises `RuntimeError` where it could not be started: at
    most 16 programs run at once, and 2,000 in one grade.
    """
    ends: list[int] = []
    try:
        return _Run(source.encode(), stdin.encode(), ends).finish(timeout_seconds, memory_bytes)
    finally:
        for end in ends:
            os.close(end)


class _Run:
    """The grader's ends of five pipes."""

    def __init__(self, source: bytes, stdin: bytes, ends: list[int]) -> None:
        self._ends = ends
        self._theirs: list[int] = []
        self._sending = {
            self._pipe(writing=True): memoryview(source),
            self._pipe(writing=True): memoryview(stdin),
        }
        self._stdout, self._stderr, self._status = (self._pipe(writing=False) for _ in range(3))
        self._received = {
            self._stdout: bytearray(),
            self._stderr: bytearray(),
            self._status: bytearray(),
        }

    def _pipe(self, *, writing: bool) -> int:
        read_end, write_end = os.pipe()
        own, theirs = (write_end, read_end) if writing else (read_end, write_end)
        os.set_blocking(own, False)
        self._ends.extend((own, theirs))
        self._theirs.append(theirs)
        return own

    def finish(self, timeout_seconds: float, memory_bytes: int) -> Finished:
        call = _CALL.pack(timeout_seconds, memory_bytes)
        with socket.socket(fileno=os.dup(_CHANNEL)) as channel:
            socket.send_fds(channel, [_HEAD.pack(b"U", len(call), bytes(16)) + call], self._theirs)
        for theirs in self._theirs:
            self._close(theirs)
        self._exchange(time.monotonic() + max(0.0, timeout_seconds) + _PATIENCE_SECONDS)
        status = self._received[self._status]
        if len(status) != _STATUS.size:
            raise RuntimeError("the program could not be started: too many run already")
        exit_status, timed_out = _STATUS.unpack(status)
        return Finished(self._text(self._stdout), self._text(self._stderr), exit_status, timed_out)

    def _exchange(self, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            for end in self._sending:
                selector.register(end, selectors.EVENT_WRITE)
            for end in self._received:
                selector.register(end, selectors.EVENT_READ)
            open_outputs = set(self._received)
            while open_outputs and time.monotonic() < deadline:
                for key, _ in selector.select(deadline - time.monotonic()):
                    if not self._move(key.fd):
                        selector.unregister(key.fd)
                        open_outputs.discard(key.fd)

    def _move(self, end: int) -> bool:
        """Move one piece; False where that pipe is done with."""
        if end in self._received:
            piece = os.read(end, _PIECE)
            taken = self._received[end]
            taken += piece[: MAX_OUTPUT_BYTES - len(taken)]
            return bool(piece)
        rest = self._sending[end]
        try:
            rest = rest[os.write(end, rest[:_PIECE]) :] if rest else rest
        except BrokenPipeError:
            rest = rest[:0]
        self._sending[end] = rest
        if not rest:
            self._close(end)
        return bool(rest)

    def _close(self, end: int) -> None:
        self._ends.remove(end)
        os.close(end)

    def _text(self, end: int) -> str:
        return self._received[end].decode("utf-8", "replace")
