"""The frames of the service's side; `sandbox_image/README.md` is the contract, the runner's `wire.py` the other side."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

FRAME = struct.Struct("!cI16s")
VERDICT = struct.Struct("!cBdIII")
DOUBLE = struct.Struct("!d")
INT = struct.Struct("!i")

HELLO, LOAD, REFUSED, GRADE, ANSWER = b"H", b"L", b"N", b"G", b"A"
READY, DIRTY, CANCEL, PING = b"R", b"D", b"C", b"P"

VALUE, ERROR, TIMEOUT, MEMORY, SIGNAL = b"V", b"E", b"T", b"M", b"S"
EXITED, FORGED, CANCELLED = b"X", b"F", b"K"

NO_TOKEN = bytes(16)
MAX_REQUEST_BYTES = 64 * 1024 * 1024
MAX_FRAME_BYTES = 512 * 1024
"""Of what the runner sends: an answer with both outputs is less than half of it."""

_MULTIPLEX = struct.Struct("!BxxxI")
_STDOUT, _STDERR = 1, 2
_KEPT_STDERR = 2_000


class Garbled(Exception):
    """The stream is not what a runner writes; the worker is of no more use."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of the runner."""

    kind: bytes
    token: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """How a grade ended, before it is understood: `body` was written by the graded process itself."""

    verdict: bytes
    seconds: float
    body: bytes
    stdout: str
    stderr: str

    @classmethod
    def parse(cls, body: bytes) -> "Answer":
        """Raises `Garbled`."""
        if len(body) < VERDICT.size:
            raise Garbled("an answer without a verdict")
        verdict, flags, seconds, inner, out, err = VERDICT.unpack_from(body)
        if VERDICT.size + inner + out + err != len(body):
            raise Garbled("an answer whose lengths do not add up")
        end = VERDICT.size + inner
        return cls(
            verdict,
            seconds,
            body[VERDICT.size : end],
            _text(body[end : end + out], cut=bool(flags & 1)),
            _text(body[end + out :], cut=bool(flags & 2)),
        )


def _text(data: bytes, *, cut: bool) -> str:
    return data.decode("utf-8", "replace") + ("\n… (cut at 64 kB)" if cut else "")


def pack(kind: bytes, token: bytes, body: bytes = b"") -> bytes:
    return FRAME.pack(kind, len(body), token) + body


class FrameReader:
    """Cuts a byte stream into frames, with a bound on what it holds."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes | memoryview) -> Iterator[Frame]:
        """Raises `Garbled`."""
        self._held += data
        while len(self._held) >= FRAME.size:
            kind, length, token = FRAME.unpack_from(self._held)
            if length > MAX_FRAME_BYTES:
                raise Garbled(f"a frame of {length} bytes")
            end = FRAME.size + length
            if len(self._held) < end:
                return
            body = bytes(self._held[FRAME.size : end])
            del self._held[:end]
            yield Frame(kind, token, body)


class Demultiplexer:
    """Takes the container engine's 8-byte headers off an attached stream; keeps the end of stderr."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._stream = 0
        self._left = 0
        self.stderr = b""

    def feed(self, data: bytes) -> bytes:
        """The stdout within `data`. Raises `Garbled`."""
        self._held += data
        stdout = bytearray()
        while self._held:
            if not self._left:
                if len(self._held) < _MULTIPLEX.size:
                    break
                self._stream, self._left = _MULTIPLEX.unpack_from(self._held)
                if self._stream not in (_STDOUT, _STDERR):
                    raise Garbled(f"a stream numbered {self._stream}")
                del self._held[: _MULTIPLEX.size]
            part = self._held[: self._left]
            del self._held[: self._left]
            self._left -= len(part)
            if self._stream == _STDOUT:
                stdout += part
            else:
                self.stderr = (self.stderr + part)[-_KEPT_STDERR:]
        return bytes(stdout)
