"""Outputs that a model has given before, as honest answers to measure attacks by."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from grader_service import jsontext
from grader_service.doctor.outputs import Output
from grader_service.errors import CannotStart


def output_of(sample: Mapping[str, Any]) -> Output:
    """A `sample` namespace as an output."""
    text = sample.get("output_text")
    return Output(text if isinstance(text, str) else "", given=sample)


def read_samples(lines: Iterable[bytes]) -> Iterator[tuple[int, Output]]:
    """(row's index from 0, output) of each line.

    A line is a text, which belongs to the row at its own place, or an object with `sample` (a text or a
    namespace) and the row's `index`, as `grader-service grade` writes it; without `index`, its own place.

    Raises:
        CannotStart: a line is neither; names the line.
    """
    for place, line in enumerate(line for line in lines if line.strip()):
        try:
            value = jsontext.loads(line.strip())
        except jsontext.JsonError as error:
            raise CannotStart(f"--samples, line {place + 1}: no valid JSON: {error}") from None
        index = value.get("index", place) if isinstance(value, dict) else place
        sample = value.get("sample", value.get("output_text")) if isinstance(value, dict) else value
        if isinstance(sample, str):
            yield index, Output(sample)
        elif isinstance(sample, dict) and isinstance(index, int):
            yield index, output_of(sample)
        else:
            raise CannotStart(
                f'--samples, line {place + 1}: write a text, or {{"index": row, "sample": text or object}}'
            )
