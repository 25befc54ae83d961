"""Reads the JSON of a request that creates a run while it arrives: rows come out one by one, and are never all in memory."""

import codecs
import json
from collections.abc import Generator, Iterator
from typing import Any, Final

from grader_service import jsontext
from grader_service.evals.row_text import MAX_ROW_BYTES

ROWS: Final = ("data_source", "source", "content")
"""Where the rows stand."""

MAX_VALUE_CHARACTERS = MAX_ROW_BYTES
MAX_REST_BYTES = 2 * 1024 * 1024
"""Of all values together that are no rows."""

_BLANKS = " \t\r\n"
_BEHIND = _BLANKS + ",]}"
_NEAR_THE_END = 16
_DECODER = json.JSONDecoder()

_Steps = Generator[bytes | None, None, Any]
"""Gives the text of a row, or None where more of the body is needed; returns a value."""


class RunBody:
    """`feed` it bytes; after `close`, `rest` is the body with an empty array in place of the rows."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._coming: list[str] = []
        self._wanted = 0
        self._rest_bytes = 0
        self._position = 0
        self._ended = False
        self._steps = self._body()
        self.rest: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The texts of the rows that are whole now.

        Raises:
            jsontext.JsonError: the body is no JSON.
        """
        self._add(data, final=False)
        yield from self._rows()

    def close(self) -> Iterator[bytes]:
        """The last rows; raises as `feed` does."""
        self._add(b"", final=True)
        self._ended = True
        yield from self._rows()

    def _add(self, data: bytes, *, final: bool) -> None:
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError:
            raise jsontext.JsonError("it is not UTF-8") from None
        self._coming.append(text)
        self._wanted -= len(text)
        if self._wanted > 0 and not final:
            return  # many small pieces of a large value are put together once
        self._text = self._text[self._position :] + "".join(self._coming)
        self._coming.clear()
        self._position = 0

    def _rows(self) -> Iterator[bytes]:
        for row in self._steps:
            if row is None:
                return
            yield row

    def _body(self) -> _Steps:
        self.rest = yield from self._at(())
        yield from self._skip_blanks(at_end=True)
        if self._position < len(self._text):
            raise jsontext.JsonError("something stands behind its end")

    def _at(self, path: tuple[str, ...]) -> _Steps:
        """The value at a path: gone into only where the rows may be."""
        sign = yield from self._skip_blanks()
        if path == ROWS and sign == "[":
            return (yield from self._array())
        if path != ROWS and path == ROWS[: len(path)] and sign == "{":
            return (yield from self._object(path))
        return self._small((yield from self._value()))

    def _small(self, text: bytes) -> Any:
        """A value that is no row stays in memory, and is kept and shown with the run."""
        self._rest_bytes += len(text)
        if self._rest_bytes > MAX_REST_BYTES:
            raise jsontext.JsonError(f"what is no row is larger than {MAX_REST_BYTES:,} bytes")
        return jsontext.loads(text)

    def _object(self, path: tuple[str, ...]) -> _Steps:
        found: dict[str, Any] = {}
        self._position += 1
        if (yield from self._skip_blanks()) == "}":
            self._position += 1
            return found
        while True:
            if (yield from self._skip_blanks()) != '"':
                raise jsontext.JsonError("a key was expected")
            key = self._small((yield from self._value()))
            if key in found:
                raise jsontext.JsonError(f"the key {key[:60]!r} is there twice")
            yield from self._sign(":")
            found[key] = yield from self._at((*path, key))
            if (yield from self._sign(",}")) == "}":
                return found

    def _array(self) -> _Steps:
        self._position += 1
        if (yield from self._skip_blanks()) == "]":
            self._position += 1
            return []
        while True:
            yield from self._skip_blanks()
            yield (yield from self._value())
            if (yield from self._sign(",]")) == "]":
                return []

    def _sign(self, wanted: str) -> _Steps:
        sign = yield from self._skip_blanks()
        if sign not in wanted:
            raise jsontext.JsonError(f"one of {' '.join(wanted)} was expected, not {sign!r}")
        self._position += 1
        return sign

    def _skip_blanks(self, *, at_end: bool = False) -> _Steps:
        """The next character, not taken; the body's end is an error but where it may be."""
        while True:
            while self._position < len(self._text):
                if self._text[self._position] not in _BLANKS:
                    return self._text[self._position]
                self._position += 1
            if self._ended:
                if at_end:
                    return ""
                raise jsontext.JsonError("it ends too early")
            yield None

    def _value(self) -> _Steps:
        """The text of the next value. How often it is tried grows with the logarithm of its length."""
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                self._check_broken(error)
            except RecursionError:
                raise jsontext.JsonError("it is nested too deep") from None
            else:
                if self._is_whole(end):
                    text = self._text[self._position : end]
                    self._position = end
                    return text.encode("utf-8", "surrogatepass")
            yield from self._wait_for(2 * (len(self._text) - self._position))

    def _is_whole(self, end: int) -> bool:
        """Whether a value that seems to end here does: `1` may go on as `12`, `1.` as `1.5`."""
        if self._text[end - 1] in '"}]' or (end == len(self._text) and self._ended):
            return True
        if end < len(self._text) and self._text[end] in _BEHIND:
            return True
        if self._ended or end + _NEAR_THE_END < len(self._text):
            raise jsontext.JsonError("a value is followed by what cannot follow it")
        return False

    def _check_broken(self, error: json.JSONDecodeError) -> None:
        """A value that is not whole yet fails near the end of what is there, or as a string without an end."""
        unfinished = error.msg.startswith("Unterminated") or error.pos + _NEAR_THE_END >= len(
            self._text
        )
        if self._ended or not unfinished:
            raise jsontext.JsonError(error.msg)

    def _wait_for(self, characters: int) -> _Steps:
        if characters > 2 * MAX_VALUE_CHARACTERS:
            raise jsontext.JsonError(
                f"one of its values is larger than {MAX_VALUE_CHARACTERS:,} characters"
            )
        self._wanted = characters - (len(self._text) - self._position)
        while len(self._text) - self._position < characters and not self._ended:
            yield None
