"""The rows of a dataset: one JSON object on each line of a file, in the two spellings of the field."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from grader_service import jsontext
from grader_service.errors import GraderServiceError
from grader_service.sample import sample_of

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `index` counts the rows from 0, `line` the file's lines from 1; `sample` is what the line itself brought.

    `nested` says that the line was of the Evals API's spelling, with the item inside.
    """

    index: int
    line: int
    item: Mapping[str, Any]
    sample: Mapping[str, Any] | None = None
    nested: bool = False


class RowFault(GraderServiceError):
    """A line that is no row; the text says why, without the line's number."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def read_rows(lines: Iterable[bytes]) -> Iterator[Row | RowFault]:
    """Rows and faults in the order of the lines; blank lines are neither."""
    index = 0
    for line, text in enumerate(lines, start=1):
        content = text.removeprefix(BYTE_ORDER_MARK) if line == 1 else text
        if not content.strip():
            continue
        try:
            yield parse_row(content, index, line)
        except RowFault as fault:
            yield fault
        index += 1


def parse_row(text: bytes, index: int, line: int) -> Row:
    """One line. `{"item": {…}, "sample": …}` is the Evals API's spelling; any other object is the item itself,
    as in training files.

    Raises:
        RowFault: no JSON object, or an `item` or `sample` of the wrong type.
    """
    try:
        row = jsontext.loads(text.strip())
    except jsontext.JsonError as error:
        raise RowFault(line, f"no valid JSON: {error}") from None
    if not isinstance(row, dict):
        raise RowFault(line, f"a JSON object was expected, not {_kind(row)}")
    if "item" not in row or not row.keys() <= {"item", "sample"}:
        return Row(index, line, row)
    if not isinstance(row["item"], dict):
        raise RowFault(line, f"`item` must be a JSON object, not {_kind(row['item'])}")
    return Row(index, line, row["item"], _sample(row.get("sample"), line), nested=True)


def _sample(given: Any, line: int) -> Mapping[str, Any] | None:
    """An object is the namespace as it is, a text the model's output (evals-api §2.3)."""
    if given is None or isinstance(given, dict):
        return given
    if isinstance(given, str):
        return sample_of(given)
    raise RowFault(line, f"`sample` must be a JSON object or a string, not {_kind(given)}")


_KINDS: Mapping[type, str] = MappingProxyType(
    {
        list: "an array",
        str: "a string",
        int: "a number",
        float: "a number",
        bool: "a boolean",
        type(None): "null",
        dict: "an object",
    }
)


def _kind(value: Any) -> str:
    return _KINDS[type(value)]
