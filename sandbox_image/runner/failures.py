"""Telling the author what went wrong: the author's own lines, not ours, and never more than a few kilobytes."""

import linecache
import resource
import sys
import types
from collections import deque

FILE = "grader.py"
MAX_DETAILS = 8_000
_MAX_MESSAGE = 2_000
_FRAMES_AT_EACH_END = 8
_CHAIN = 3
_MAX_FRAMES = 1_000_000
_OURS = __file__.rpartition("/")[0] + "/"


class SourceWrong(Exception):
    """The module ran, but has no usable `grade`."""


class ReturnWrong(Exception):
    """`grade` returned something that is no finite real number."""


class Reporter:
    """Describes an exception as (kind, details); kinds are `source`, `bad_return`, `memory`, `raised`."""

    def __init__(self) -> None:
        roots = {path.rstrip("/") + "/" for path in sys.path if path.startswith("/")}
        self._roots = sorted(roots, key=len, reverse=True)

    def describe(self, error: BaseException) -> tuple[str, str]:
        kind = type(error)
        if kind is SourceWrong:
            return "source", error.args[0]
        if kind is ReturnWrong:
            return "bad_return", error.args[0]
        try:
            details = self._chain(error)
        except BaseException as second:  # an exception whose text raises
            details = f"{_name(error)} (its text could not be had: {_name(second)})"
        # where memory for a frame is refused, Python 3.11 raises a SystemError of its own
        memory = issubclass(kind, MemoryError) or (issubclass(kind, SystemError) and _is_full())
        return "memory" if memory else "raised", details[:MAX_DETAILS]

    def _chain(self, error: BaseException) -> str:
        parts: list[str] = []
        seen: BaseException | None = error
        while seen is not None and len(parts) < _CHAIN:
            parts.append(self._one(seen))
            seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
        return "\n\nWhich came after:\n\n".join(parts)

    def _one(self, error: BaseException) -> str:
        lines = self._frames(error.__traceback__)
        head = ["Traceback (most recent call last):"] if lines else []
        return "\n".join((*head, *lines, _headline(error)))

    def _frames(self, traceback: types.TracebackType | None) -> list[str]:
        """The outermost and the innermost frames; those between are counted, not looked at."""
        first: list[types.TracebackType] = []
        last: deque[types.TracebackType] = deque(maxlen=_FRAMES_AT_EACH_END)
        count = 0
        while traceback is not None and count < _MAX_FRAMES:
            if not traceback.tb_frame.f_code.co_filename.startswith(_OURS):
                (first if count < _FRAMES_AT_EACH_END else last).append(traceback)
                count += 1
            traceback = traceback.tb_next
        between = count - len(first) - len(last)
        lines = [self._place(frame) for frame in first]
        if between:
            lines.append(f"  ({between} frames left out)")
        return lines + [self._place(frame) for frame in last]

    def _place(self, traceback: types.TracebackType) -> str:
        code, line = traceback.tb_frame.f_code, traceback.tb_lineno
        file = code.co_filename
        place = f'  File "{self._cut(file)[:200]}", line {line}, in {code.co_name[:100]}'
        text = linecache.getline(file, line).strip()[:200] if file == FILE else ""
        return f"{place}\n    {text}" if text else place

    def _cut(self, file: str) -> str:
        for root in self._roots:
            if file.startswith(root):
                return file[len(root) :]
        return file


def _is_full() -> bool:
    """Whether this process has held so much memory that another doubling would have been refused."""
    limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > limit / 4


def _headline(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        text = f"{error.msg} ({error.filename}, line {error.lineno})"
    else:
        text = str(error)
    name = _name(error)
    return f"{name}: {text[:_MAX_MESSAGE]}" if text else name


def _name(error: BaseException) -> str:
    return str(type.__dict__["__name__"].__get__(type(error)))[:200]
