"""Records in a Parquet file, found again by their number."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from grader_service import jsontext
from grader_service.datasets.records import Record
from grader_service.errors import CannotStart
from grader_service.report.visible import line

_RECORD: Final[TypeAdapter[Record]] = TypeAdapter(Record)
_NESTED: Final = ("causes", "parts", "usage", "item", "sample")
_TEXTS: Final = ("item", "sample")
_BATCH: Final = 1000


class ParquetSource:
    """`place` of a record is its number, from 0. Nested columns may be JSON texts, maps or structs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._arrow = _arrow(path)

    def records(self) -> Iterator[tuple[int, Record]]:
        """Without item and sample, which are most of the file.

        Raises:
            CannotStart: no Parquet, or other columns than a record's.
        """
        with self._open() as file:
            columns = [name for name in Record.__annotations__ if name not in _TEXTS]
            place = 0
            for batch in file.iter_batches(_BATCH, columns=columns):
                for row in batch.to_pylist():
                    yield place, self._parse(row, place)
                    place += 1

    def fetch(self, places: Iterable[int]) -> dict[int, Record]:
        """Reads only the row groups that have them."""
        wanted = set(places)
        found: dict[int, Record] = {}
        start = 0
        with self._open() as file:
            for group in range(file.num_row_groups):
                end = start + file.metadata.row_group(group).num_rows
                if any(start <= place < end for place in wanted):
                    batches = file.iter_batches(_BATCH, row_groups=[group])
                    rows = (row for batch in batches for row in batch.to_pylist())
                    for place, row in enumerate(rows, start):
                        if place in wanted:
                            found[place] = self._parse(row, place)
                start = end
        return found

    def _open(self) -> Any:
        try:
            return self._arrow.ParquetFile(self._path)
        except ValueError as error:  # pyarrow's ArrowInvalid is one
            raise CannotStart(f"{self._path}: no Parquet file: {error}") from None

    def _parse(self, row: Mapping[str, Any], place: int) -> Record:
        try:
            given = {name: _value(name, value) for name, value in row.items()}
            return _RECORD.validate_python({**dict.fromkeys(_TEXTS), **given})
        except ValidationError as error:
            fault = error.errors(include_input=False, include_url=False)[0]
            told = f"`{line('.'.join(map(str, fault['loc'])), 100)}`: {fault['msg']}"
        except jsontext.JsonError as error:
            told = str(error)
        raise CannotStart(
            f"{self._path}: row {place} is no record of `grader-service grade`: {told}"
        )


def _value(name: str, value: Any) -> Any:
    if name not in _NESTED:
        return value
    if isinstance(value, str):
        return jsontext.loads(value)
    if isinstance(value, list) and name in ("parts", "usage"):
        return dict(value)  # a map comes as pairs
    if isinstance(value, dict) and name in ("parts", "usage"):
        return {key: inner for key, inner in value.items() if inner is not None}
    return value


def _arrow(path: Path) -> ModuleType:
    try:
        import pyarrow.parquet  # noqa: PLC0415 - an extra of its own, for those who have such files
    except ModuleNotFoundError:
        raise CannotStart(
            f"{str(path)!r} is Parquet, and pyarrow is not installed: "
            "pip install 'grader-service[parquet]', or give the rewards as JSONL"
        ) from None
    module: ModuleType = pyarrow.parquet
    return module
