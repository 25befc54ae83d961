"""Lines of a dataset's file."""

import pytest

from grader_service.datasets.rows import Row, RowFault, read_rows


def read(*lines: str) -> list[Row | RowFault]:
    return list(read_rows(f"{line}\n".encode() for line in lines))


def test_training_rows_are_the_item() -> None:
    line = '{"messages": [], "item": "a column", "answer": "Paris"}'
    assert read(line) == [
        Row(0, 1, {"messages": [], "item": "a column", "answer": "Paris"}),
    ]


def test_rows_of_the_evals_api() -> None:
    without, with_object, with_text = read(
        '{"item": {"answer": 1}}',
        '{"item": {}, "sample": {"output_text": "hello", "extra": 1}}',
        '{"item": {}, "sample": "[1]"}',
    )
    assert without == Row(0, 1, {"answer": 1}, nested=True)
    assert isinstance(with_object, Row)
    assert with_object.sample == {"output_text": "hello", "extra": 1}
    assert isinstance(with_text, Row)
    assert with_text.sample is not None
    assert (with_text.sample["output_text"], with_text.sample["output_json"]) == ("[1]", [1])


def test_blank_lines_and_a_byte_order_mark_are_nothing() -> None:
    rows = list(read_rows([b'\xef\xbb\xbf{"a": 1}\r\n', b"\n", b"  \n", b'{"a": 2}']))
    assert rows == [Row(0, 1, {"a": 1}), Row(1, 4, {"a": 2})]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "no valid JSON"),
        ('{"a": NaN}', "no valid JSON"),
        ('{"a": 1} {"b": 2}', "no valid JSON"),
        ("[]", "a JSON object was expected, not an array"),
        ("null", "not null"),
        ('{"item": []}', "`item` must be a JSON object, not an array"),
        ('{"item": {}, "sample": 3}', "`sample` must be a JSON object or a string, not a number"),
    ],
)
def test_faults_name_their_line_and_later_rows_are_read(line: str, told: str) -> None:
    fault, row = read(line, '{"a": 1}')
    assert isinstance(fault, RowFault)
    assert fault.line == 1
    assert told in fault.message
    assert row == Row(1, 2, {"a": 1})
