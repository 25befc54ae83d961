"""Records in a JSONL file, found again by their offset."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from grader_service import jsontext
from grader_service.datasets.records import Record
from grader_service.datasets.rows import BYTE_ORDER_MARK
from grader_service.errors import CannotStart
from grader_service.report.visible import line

OTHER_LINES: Final = ({"row", "error"}, {"summary", "seconds"})
"""Keys of lines that are no records: a row that could not be read, and the end."""

_RECORD: Final[TypeAdapter[Record]] = TypeAdapter(Record)


class JsonlSource:
    """`place` of a record is the offset of its line in bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def records(self) -> Iterator[tuple[int, Record]]:
        """Raises:
        CannotStart: a line is no record; names file and line.
        """
        place = 0
        with self._path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                content = text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text
                if content.strip() and (record := self._parse(content, number)) is not None:
                    yield place, record
                place += len(text)

    def fetch(self, places: Iterable[int]) -> dict[int, Record]:
        with self._path.open("rb") as file:
            found = {}
            for place in sorted(set(places)):
                file.seek(place)
                found[place] = parse(file.readline().removeprefix(BYTE_ORDER_MARK))
        return found

    def _parse(self, text: bytes, number: int) -> Record | None:
        """None of a line of another kind that a batch's answer has, too, and of the torn end of a run that was stopped."""
        try:
            return parse(text)
        except ValidationError as error:
            if _keys(text) in OTHER_LINES:
                return None
            if not text.endswith(b"\n") and error.errors()[0]["type"] == "json_invalid":
                return None
            fault = error.errors(include_input=False, include_url=False)[0]
            raise CannotStart(
                f"{self._path}:{number}: no record of `grader-service grade`: {_told(fault)}"
            ) from None


def parse(text: bytes) -> Record:
    return _RECORD.validate_json(text, strict=True)


def _keys(text: bytes) -> set[str]:
    try:
        value = jsontext.loads(text.strip())
    except jsontext.JsonError:
        return set()
    return set(value) if isinstance(value, dict) else set()


def _told(fault: Any) -> str:
    place = line(".".join(str(step) for step in fault["loc"]), 100)
    message = re.sub(r"^Value error, ", "", str(fault["msg"]))
    return f"`{place}`: {message}" if place else message
