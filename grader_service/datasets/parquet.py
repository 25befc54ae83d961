"""Records as a Parquet file; needs the extra `parquet`."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Final

from grader_service import jsontext
from grader_service.datasets.records import Record
from grader_service.errors import CannotStart

GROUP: Final = 4096
"""Records that are in memory at once."""

AS_TEXT: Final = ("parts", "usage", "item", "sample")
"""Columns whose form differs from row to row: JSON text."""


def require_parquet() -> Any:
    """The library.

    Raises:
        CannotStart: it is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: PLC0415 - heavy, and an extra
    except ImportError:
        raise CannotStart(
            "a .parquet file needs pyarrow: pip install 'grader-service[parquet]'; or name a .jsonl file"
        ) from None
    return pyarrow


def write_parquet(records: Iterable[Record], path: Path) -> None:
    """Write all, then put the file in its place.

    Raises:
        CannotStart: it cannot be written.
    """
    arrow = require_parquet()
    text = arrow.string()
    cause = {"kind": text, "details": text, "retryable": arrow.bool_(), "where": text}
    schema = arrow.schema(
        [
            ("index", arrow.int64()),
            ("n", arrow.int64()),
            ("reward", arrow.float64()),
            ("state", text),
            ("causes", arrow.list_(arrow.struct(list(cause.items())))),
            ("seconds", arrow.float64()),
            *((name, text) for name in AS_TEXT),
        ]
    )
    fresh = path.with_name(path.name + ".new")
    left = iter(records)
    try:
        with arrow.parquet.ParquetWriter(fresh, schema) as writer:
            while group := [_flat(record) for record in islice(left, GROUP)]:
                writer.write_table(arrow.Table.from_pylist(group, schema=schema))
        fresh.replace(path)
    except OSError as error:
        raise CannotStart(f"{str(path)!r} cannot be written: {error.strerror}") from None


def _flat(record: Record) -> dict[str, Any]:
    columns: dict[str, Any] = dict(record)
    for name in AS_TEXT:
        value = columns[name]
        columns[name] = None if value is None else jsontext.dumps(value).decode()
    return columns
