"""The reader of requests that create runs, against the plain parse of the whole."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader_service import jsontext
from grader_service.evals.row_text import MAX_ROW_BYTES
from grader_service.evals.run_body import MAX_REST_BYTES, RunBody

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(["type", "source", "content", "data_source", "name", "model", "ключ"])
SOURCES = st.dictionaries(KEYS, VALUES | st.lists(VALUES, max_size=5), max_size=4)
DATA_SOURCES = st.dictionaries(KEYS, VALUES | SOURCES, max_size=4)
BODIES = st.dictionaries(KEYS, VALUES | DATA_SOURCES, max_size=4)


def read_strictly(body: bytes, step: int) -> None:
    """As a server does: what came out is looked at once more."""
    rows, rest = read(body, step)
    jsontext.loads(json.dumps([rows, rest]))


def read(body: bytes, step: int) -> tuple[list, object]:
    reader = RunBody()
    rows = []
    for start in range(0, len(body), step):
        rows += [json.loads(row) for row in reader.feed(body[start : start + step])]
    rows += [json.loads(row) for row in reader.close()]
    return rows, reader.rest


def plainly(body: bytes) -> tuple[list, object]:
    """What `read` must give: the rows taken out of the parsed body."""
    data = json.loads(body)
    place = data
    for key in ("data_source", "source"):
        place = place.get(key) if isinstance(place, dict) else None
    if not isinstance(place, dict) or not isinstance(place.get("content"), list):
        return [], data
    rows, place["content"] = place["content"], []
    return rows, data


@settings(max_examples=300, deadline=None)
@given(
    body=BODIES,
    step=st.integers(1, 40),
    indent=st.sampled_from([None, 1]),
    escaped=st.booleans(),
)
def test_reads_as_a_parse_of_the_whole(
    body: dict, step: int, indent: int | None, escaped: bool
) -> None:
    text = json.dumps(body, indent=indent, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    try:
        expected = jsontext.loads(text)
    except jsontext.JsonError:
        with pytest.raises(jsontext.JsonError):
            read_strictly(text, step)
        return
    assert expected is not None
    assert read(text, step) == plainly(text)


@settings(max_examples=300, deadline=None)
@given(body=BODIES, step=st.integers(1, 9), data=st.data())
def test_a_broken_body_is_never_taken(body: dict, step: int, data: st.DataObject) -> None:
    text = json.dumps(body).encode()
    place = data.draw(st.integers(0, len(text) - 1))
    broken = (
        text[:place]
        + data.draw(st.sampled_from([b"", b"}", b"\xff", b",", b'"']))
        + text[place + 1 :]
    )
    try:
        jsontext.loads(broken)
    except jsontext.JsonError:
        with pytest.raises(jsontext.JsonError):
            read_strictly(broken, step)


ROWS = '{"data_source": {"source": {"content": ['


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        '{"a": 1} x',
        '{"a": 1, "a": 2}',
        '{"a" 1}',
        "{a: 1}",
        '{"a": 1,}',
        ROWS,
        ROWS + "{}",
        ROWS + "{},]}}}",
        ROWS + "{} {}]}}}",
        ROWS + "[" * 100_000,
        ROWS + '{"a":' * 5_000,
        '{"data_source": {"source": ' + "[" * 100_000,
        '{"name": NaN}',
        '{"name": "\ud800"}',
    ],
)
@pytest.mark.parametrize("step", [1, 100_000])
def test_what_is_no_body(text: str, step: int) -> None:
    with pytest.raises(jsontext.JsonError):
        read(text.encode("utf-8", "surrogatepass"), step)


def test_a_value_without_an_end_is_not_kept_for_ever() -> None:
    with pytest.raises(jsontext.JsonError, match="larger than"):
        read(ROWS.encode() + b'"' + b"x" * 3 * MAX_ROW_BYTES, 1_000_000)


def test_rows_come_out_while_the_body_is_still_coming() -> None:
    reader = RunBody()
    rows = list(reader.feed(ROWS.encode() + b'{"item": {}}, {"item": {"a": 1}}, {"it'))
    assert rows == [b'{"item": {}}', b'{"item": {"a": 1}}']


def test_what_is_no_row_is_bounded_as_a_whole() -> None:
    """It is all in memory, is kept with the run, and every list of runs shows it."""
    one = json.dumps("x" * (MAX_REST_BYTES // 4))
    body = "{" + ",".join(f'"{number}":{one}' for number in range(5)) + "}"
    with pytest.raises(jsontext.JsonError, match="no row is larger"):
        read(body.encode(), 65536)
