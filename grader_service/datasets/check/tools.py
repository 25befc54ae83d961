"""Rules for tools: those of a row's `tools`, and those of the whole job (grader-api §9.3, §10)."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from grader_service.datasets.check.finding import Complaint
from grader_service.datasets.check.job import Job, shown
from grader_service.datasets.check.row_rule import RowRule
from grader_service.datasets.check.schema import faults_of_schema
from grader_service.datasets.rows import Row

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FORM: Final = (
    'write [{"type": "function", "function": {"name": "…", "parameters": {"type": "object", …}}}]'
)
_SERVER_FORM: Final = (
    f'{_FORM}, or [{{"name": "…", "server_url": "https://…"}}] for tools that the platform calls'
)


class RowTools(RowRule):
    """`tools` of a row are functions. Rows mostly share theirs: the same ones are looked at once."""

    def __init__(self, job: Job) -> None:
        self._seen: Any = None
        self._said: Sequence[Complaint] = ()

    def row(self, row: Row) -> Sequence[Complaint]:
        tools = row.item.get("tools")
        if tools is None:
            return ()
        if tools != self._seen:
            self._seen, self._said = tools, tuple(_complaints(tools, "tools", servers=False))
        return self._said


class NoTools(RowRule):
    """What the grader reads of calls can be there only where the model has tools."""

    def __init__(self, job: Job) -> None:
        self._named = {
            variable: places
            for variable, places in job.sample_variables.items()
            if variable.path[:1] == ("output_tools",) and not job.tools
        }

    def row(self, row: Row) -> Iterator[Complaint]:
        if self._named and not row.item.get("tools"):
            for variable, places in self._named.items():
                yield Complaint(
                    f"{shown(places)} names {{{{ {variable.text} }}}}, and the model has no tools",
                    "give the rows `tools`, or the job by --tools",
                    "fault" if len(variable.path) > 1 else "warning",
                    key=variable.text,
                )


def job_tools(job: Job) -> Iterator[Complaint]:
    """The tools of the job: functions, or servers that the platform calls."""
    if job.tools is not None:
        yield from _complaints(job.tools, "", servers=True)


def _complaints(tools: Any, prefix: str, *, servers: bool) -> Iterator[Complaint]:
    form = _SERVER_FORM if servers else _FORM
    if not isinstance(tools, list):
        what = f"`{prefix}` is" if prefix else "the tools are"
        advice = f"the name is reserved for functions that the model may call; {form}"
        yield Complaint(f"{what} no array", advice if prefix else form)
        return
    names: set[str] = set()
    for place, tool in enumerate(tools):
        where = f"{prefix}[{place}]"
        function = _function(tool)
        if function is None and not (servers and _is_server(tool)):
            yield Complaint(f"{where} is no function", form, place=where, key="no function")
            continue
        name = (function or tool).get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield Complaint(
                f"{where} has no usable name",
                "give it 1 to 64 letters, digits, underscores and dashes",
                place=where,
                key="name",
            )
        elif name in names:
            yield Complaint(
                f"{where}: a tool before it is called {name!r}, too",
                "give each tool a name of its own",
                place=where,
                key="twice",
            )
        else:
            names.add(name)
        yield from _parameters(function or {}, where)


def _function(tool: Any) -> dict[str, Any] | None:
    if not isinstance(tool, dict) or tool.get("type") != "function":
        return None
    function = tool.get("function")
    return function if isinstance(function, dict) else None


def _is_server(tool: Any) -> bool:
    return isinstance(tool, dict) and isinstance(tool.get("server_url"), str)


def _parameters(function: dict[str, Any], where: str) -> Iterator[Complaint]:
    """Absent is none. Whether it is right in itself is the schema's own matter."""
    parameters = function.get("parameters")
    if parameters is None:
        return
    place = f"{where}.function.parameters"
    if not isinstance(parameters, dict) or parameters.get("type", "object") != "object":
        yield Complaint(
            f"{place} is no schema of an object",
            'write {"type": "object", "properties": {…}}',
            place=place,
            key="parameters",
        )
        return
    for fault in faults_of_schema(parameters):
        yield Complaint(f"{place}: {fault}", "write JSON Schema", place=place, key="schema")
