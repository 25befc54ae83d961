"""Rules for rows that are there twice, in one file or in both."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final

from grader_service import jsontext
from grader_service.datasets.check.finding import Complaint, Source
from grader_service.datasets.check.row_rule import RowRule
from grader_service.datasets.rows import Row

REMEMBERED_ROWS: Final = 100_000
"""Twice what a job takes; of later rows only those are found that repeat one of these."""


class Duplicates(RowRule):
    """Equal rows, and equal prompts with other columns, of one file."""

    def __init__(self) -> None:
        self._rows: dict[bytes, None] = {}
        self._prompts: dict[bytes, None] = {}

    def begin(self, source: Source) -> None:
        self._rows, self._prompts = {}, {}

    def row(self, row: Row) -> Iterator[Complaint]:
        whole, prompt = _digest(row.item), _digest(row.item.get("messages"))
        if whole in self._rows:
            yield Complaint(
                "the row is the same as one before it",
                "remove it: it counts twice in training",
                "warning",
            )
        elif prompt in self._prompts and "messages" in row.item:
            yield Complaint(
                "the prompt is that of a row before it, with other columns",
                "see which is right: the grader asks for different answers to one prompt",
                "warning",
            )
        if len(self._rows) < REMEMBERED_ROWS:
            self._rows[whole] = self._prompts[prompt] = None


class Overlap(RowRule):
    """A prompt that is trained on says nothing in the validation."""

    def __init__(self) -> None:
        self._source: Source = "train"
        self._prompts: set[bytes] = set()

    def begin(self, source: Source) -> None:
        self._source = source

    def row(self, row: Row) -> Iterator[Complaint]:
        if "messages" not in row.item:
            return
        prompt = _digest(row.item["messages"])
        if self._source == "validation" and prompt in self._prompts:
            yield Complaint(
                "the prompt is one of the training rows, too",
                "keep the two files apart: such rows measure memory",
                "warning",
            )
        elif self._source == "train" and len(self._prompts) < REMEMBERED_ROWS:
            self._prompts.add(prompt)


def _digest(value: Any) -> bytes:
    return blake2b(jsontext.dumps(value), digest_size=16).digest()
