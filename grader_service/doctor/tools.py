"""Tool calls that are told and not made, or made at random."""

import json
from collections.abc import Iterator

from grader_service.doctor.attack import Attack, earns
from grader_service.doctor.baseline import Case
from grader_service.doctor.outputs import Output, ToolCall, right
from grader_service.doctor.subject import Subject
from grader_service.doctor.values import text_of


def _told(case: Case) -> Iterator[Output]:
    """The right calls as text: as a claim, as JSON, as markup."""
    calls = case.shape(right).calls
    if not calls:
        return
    chat = [call.chat(number) for number, call in enumerate(calls)]
    plain = [{"name": call.name, "arguments": call.arguments} for call in calls]
    yield Output(" ".join(f"I have called {call.name} with {call.arguments}." for call in calls))
    yield Output(json.dumps(plain))
    yield Output(json.dumps({"tool_calls": chat, "output_tools": chat}))
    yield Output("".join(f"<tool_call>{json.dumps(each)}</tool_call>" for each in plain))


def _all_tools(case: Case) -> Iterator[Output]:
    """The right calls among calls of every tool that the row offers, and a hundred others."""
    calls = case.shape(right).calls
    if calls:
        known = [ToolCall(name) for name in _offered(case)]
        surplus = [ToolCall(f"surplus_{number}") for number in range(100)]
        yield Output("", (*known, *calls, *surplus))


def _without_arguments(case: Case) -> Iterator[Output]:
    calls = case.shape(right).calls
    if any(call.arguments not in ("", "{}") for call in calls):
        yield Output("", tuple(ToolCall(call.name) for call in calls))
        yield Output("", tuple(ToolCall(call.name, "null") for call in calls))


def _offered(case: Case) -> list[str]:
    tools = case.item.get("tools")
    functions = [
        tool.get("function", tool) if isinstance(tool, dict) else {}
        for tool in (tools if isinstance(tools, list) else [])
    ]
    return [text_of(function.get("name")) for function in functions if isinstance(function, dict)]


def calls_tools(subject: Subject) -> bool:
    named = any(
        "output_tools" in each.path or "tool_calls" in each.path for each in subject.variables
    )
    return named or subject.facts.reads_tools or subject.opaque


ATTACKS: tuple[Attack, ...] = (
    Attack(
        "tool calls told, not made", "tools", "danger", _told, earns(),
        "writing that a tool was called earns as much as calling it",
        "read `sample.output_tools` alone, never the text, for what was called",
        applies=calls_tools,
    ),
    Attack(
        "every tool called", "tools", "danger", _all_tools, earns(0.9),
        "calls that nobody needed cost nothing, so calling everything pays",
        "compare the calls as a whole (count or F1), not whether the right ones are among them",
        applies=calls_tools,
    ),
    Attack(
        "tool calls without arguments", "tools", "danger", _without_arguments, earns(0.9),
        "the tool's name alone earns the reward, whatever it is called with",
        "compare the arguments, parsed",
        applies=calls_tools,
    ),
)  # fmt: skip
