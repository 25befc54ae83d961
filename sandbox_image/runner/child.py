"""The life of one grade's process: take the request, run the author's code, answer once, end."""

import gc
import inspect
import json
import linecache
import math
import os
import random
import sys
import types
from typing import Any, NoReturn

import wire
from failures import FILE, Reporter, ReturnWrong, SourceWrong

MODULE = "grader"
_SEED = 0
_MISSING = object()


class Numbers:
    """Takes the true number out of a value, by functions that were taken before the author's code could change any."""

    def __init__(self) -> None:
        numpy = sys.modules.get("numpy")
        self._scalar: type | None = getattr(numpy, "generic", None)
        self._long: type | None = getattr(numpy, "longdouble", None)
        self._float, self._int = float.__float__, int.__float__
        self._item = getattr(self._scalar, "item", None)
        self._long_float = getattr(self._long, "__float__", None)
        self._finite = math.isfinite

    def take(self, value: object) -> float:
        """Raises `ReturnWrong`."""
        kind = type(value)
        if (
            self._scalar is not None
            and issubclass(kind, self._scalar)
            and self._item
            and self._long_float
        ):
            value = self._long_float(value) if kind is self._long else self._item(value)
            kind = type(value)
        number = self._real(value, kind)
        if not self._finite(number):
            raise ReturnWrong(f"grade returned {number}, which is not a finite number")
        return number

    def _real(self, value: Any, kind: type) -> float:
        if issubclass(kind, float):
            return self._float(value)
        if not issubclass(kind, int):
            name = type.__dict__["__name__"].__get__(kind)
            hint = "; define it with `def`, not `async def`" if kind is types.CoroutineType else ""
            raise ReturnWrong(
                f"grade returned {'None' if value is None else f'a value of type {name[:100]!r}'}, not a number{hint}"
            )
        try:
            return self._int(value)
        except OverflowError:
            raise ReturnWrong("grade returned an integer that is too large for a float") from None


def show_source(source: str) -> None:
    """Let tracebacks and `inspect` find the author's lines."""
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)


def live(channel: int, code: types.CodeType, reporter: Reporter) -> NoReturn:
    """Serve the one request that comes through `channel`; never returns."""
    read, write_all, leave, own_pid, me = os.read, wire.write_all, os._exit, os.getpid, os.getpid()
    value_frame, error_frame, empty_nonce = _value_frame, _error_frame, wire.NO_TOKEN
    numbers = Numbers()
    request = json.loads(_receive(channel))
    _seed()
    gc.enable()
    try:
        frame = value_frame(numbers.take(_grade(code, request["sample"], request["item"])))
    except BaseException as error:  # whatever the author's code raised is its answer
        frame = error_frame(*reporter.describe(error))
    if own_pid() != me:
        leave(
            0
        )  # a fork of the author's that ran to the end of `grade`: not the one that was asked
    _flush()
    nonce = read(channel, wire.NONCE_BYTES) or empty_nonce
    kind, body = frame
    write_all(channel, [wire.CALL.pack(kind, len(body), nonce), body])
    leave(0)


def _receive(channel: int) -> bytes:
    (length,) = wire.REQUEST.unpack(_exactly(channel, wire.REQUEST.size))
    return _exactly(channel, length)


def _exactly(channel: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(channel, min(length, 1 << 20))
        if not part:
            os._exit(0)  # the runner has ended
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _seed() -> None:
    random.seed(_SEED)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(_SEED)


def _grade(code: types.CodeType, sample: Any, item: Any) -> object:
    module = types.ModuleType(MODULE)
    module.__file__ = FILE
    sys.modules[MODULE] = sys.modules["__main__"] = module
    exec(code, module.__dict__)
    grade = module.__dict__.get("grade", _MISSING)
    if grade is _MISSING:
        raise SourceWrong("the source defines no function `grade(sample, item)`")
    try:
        inspect.signature(grade).bind(None, None)  # type: ignore[arg-type]
    except TypeError as error:
        raise SourceWrong(f"`grade` cannot be called as grade(sample, item): {error}") from None
    except ValueError:
        pass  # something built in: calling it will tell
    return grade(sample, item)  # type: ignore[operator]


def _value_frame(value: float) -> tuple[bytes, bytes]:
    return wire.CALL_VALUE, wire.DOUBLE.pack(value)


def _error_frame(kind: str, details: str) -> tuple[bytes, bytes]:
    body = json.dumps({"kind": kind, "details": details})
    return wire.CALL_ERROR, body.encode()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # replaced or broken by the author's code: its loss
            continue
