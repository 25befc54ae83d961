"""The check of variables agrees with the slow obvious way: to render each template for each row."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grader_service import template
from grader_service.errors import VariableMissing
from tests.datasets.check.checking import found, of_rows
from tests.definitions import STRING_CHECK

KEYS = st.sampled_from(["a", "b", "c", "odd key", "0"])
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from(["", " ", "text", "[1, 2]", '{"a": {"b": 1}}', "[", "3", '"[1]"']),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
        st.lists(inner, max_size=2).map(json.dumps),
    ),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(KEYS, VALUES, max_size=4), min_size=1, max_size=12)
STEPS = st.one_of(
    KEYS.map(lambda key: f"[{json.dumps(key)}]"),
    st.integers(-3, 3).map("[{}]".format),
    st.sampled_from([".a", ".b", ".c"]),
)
PATHS = st.lists(STEPS, max_size=3).map(lambda steps: "item" + "".join(steps))


def rendered_without(path: str, rows: list[dict[str, Any]]) -> list[int]:
    """The lines whose row cannot be rendered."""
    lines = []
    for line, row in enumerate(rows, start=1):
        try:
            template.parse(f"{{{{ {path} }}}}").render(row, {})
        except VariableMissing:
            lines.append(line)
    return lines


@given(st.lists(PATHS, min_size=1, max_size=5, unique=True), ROWS)
def test_missing_variables_are_those_that_cannot_be_rendered(
    paths: list[str], rows: list[dict[str, Any]]
) -> None:
    reference = " ".join(f"{{{{ {path} }}}}" for path in paths)
    grader = {**STRING_CHECK, "reference": reference}
    findings = found(of_rows(*({"x": 1, **row} for row in rows), grader=grader), "item-variable")
    rows = [{"x": 1, **row} for row in rows]
    expected: dict[tuple[str | int, ...], tuple[int, tuple[int, ...], str]] = {}
    for path in paths:
        lines = rendered_without(path, rows)
        variable = template.parse(f"{{{{ {path} }}}}").variables[0]
        if lines and variable.path not in expected:
            try:
                template.parse(f"{{{{ {path} }}}}").render(rows[lines[0] - 1], {})
            except VariableMissing as error:
                expected[variable.path] = (len(lines), tuple(lines[:5]), error.details)
    told = [
        (finding.rows, finding.lines, finding.message.removeprefix("reference names "))
        for finding in findings
    ]
    assert sorted(told) == sorted(expected.values())
