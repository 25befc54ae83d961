"""Rules for what the grader reads of rows: it must be there in every one."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from grader_service.datasets.check.finding import Complaint
from grader_service.datasets.check.job import Job, shown
from grader_service.datasets.check.row_rule import RowRule
from grader_service.datasets.rows import Row
from grader_service.graders.base import Grader
from grader_service.graders.model_grader import ModelGrader
from grader_service.graders.python import Python
from grader_service.template import NotThere, Variable


class Missing(RowRule):
    """Every `{{ item.… }}` leads somewhere in every row, as rendering would find."""

    def __init__(self, job: Job) -> None:
        self._variables = job.item_variables
        self._told: dict[Variable, Complaint] = {}

    def row(self, row: Row) -> Iterator[Complaint]:
        read: dict[str, Any] = {}
        for variable, places in self._variables.items():
            try:
                variable.find(row.item, read)
            except NotThere as at:
                if variable not in self._told:
                    self._told[variable] = _missing(variable, places, at)
                yield self._told[variable]


def _missing(variable: Variable, places: tuple[str, ...], at: NotThere) -> Complaint:
    column = variable.path[0] if variable.path else ""
    return Complaint(
        f"{shown(places)} names {variable.missing(at).details}",
        f"add {column!r} to these rows, or let the grader name what they have"
        if at.depth == 0
        else f"give {column!r} the same form in all rows, or let the grader name what it has",
        place=places[0],
        key=variable.text,
    )


class Empty(RowRule):
    """A variable that is there and renders to nothing is no fault, and seldom meant."""

    def __init__(self, job: Job) -> None:
        judged = {
            f"{prefix}{place}"
            for prefix, part in job.parts.items()
            if isinstance(part, ModelGrader)
            for place, _ in part.texts()
        }
        self._variables = job.item_variables
        self._said = {
            variable: _empty(variable, places, judged.intersection(places))
            for variable, places in self._variables.items()
        }

    def row(self, row: Row) -> Iterator[Complaint]:
        read: dict[str, Any] = {}
        for variable in self._variables:
            try:
                value = variable.find(row.item, read)
            except NotThere:
                continue
            if value is None or value in ([], {}) or (isinstance(value, str) and not value.strip()):
                yield self._said[variable]


def _empty(variable: Variable, places: tuple[str, ...], judged: set[str]) -> Complaint:
    named = f"{{{{ {variable.text} }}}}"
    if judged:
        message = f"{named} is empty or null, and {min(judged)} shows it to the judge"
        advice = "fill it: the judge would guess"
    else:
        message = f"{named} is empty or null, and {shown(places)} compares it"
        advice = "fill it: an empty text is contained in every other"
    return Complaint(message, advice, "warning", places[0], variable.text)


class PythonColumns(RowRule):
    """`item["name"]` in a python grader raises where the row has no such column."""

    def __init__(self, job: Job) -> None:
        self._columns: Mapping[str, Complaint] = {
            column: Complaint(
                f"{prefix}source reads item[{column!r}], which these rows do not have",
                f"add {column!r} to these rows, or read item.get({column!r})",
                "warning",
                f"{prefix}source",
            )
            for prefix, part in job.parts.items()
            for column in _columns_read(part)
        }

    def row(self, row: Row) -> Iterator[Complaint]:
        for column, complaint in self._columns.items():
            if column not in row.item:
                yield complaint


def _columns_read(part: Grader) -> set[str]:
    """Constant keys that `grade` takes out of its second argument and asks for nowhere else, as `in` and `get` do."""
    if not isinstance(part, Python):
        return set()
    try:
        tree = ast.parse(part.source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return set()
    grades = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "grade"
    ]
    if not grades or len(grades[-1].args.args) < 2:
        return set()
    name = grades[-1].args.args[1].arg
    nodes = list(ast.walk(grades[-1]))
    read = {
        node.slice.value
        for node in nodes
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    }
    return read - {key for node in nodes for key in _asked_for(node)}


def _asked_for(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Compare(left=ast.Constant(value=str(key)), ops=[ast.In() | ast.NotIn()]):
            yield key
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(key)), *_]):
            yield key
