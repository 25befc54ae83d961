"""What to tell the author of a template that is wrong, or that names what is not there.

Texts here quote the template and key names, cut to a bounded length, and never a value.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final

SAMPLE_KEYS: Final = (
    "output_text",
    "output_json",
    "output_tools",
    "output_reasoning_summary",
    "output_audio",
    "choices",
    "input_tools",
)
"""What `sample` can have (grader-api §7); `model` is left out, for it is a likely column, too."""

_ANSWER_WORDS: Final = (
    "answer",
    "completion",
    "generation",
    "model_answer",
    "model_output",
    "model_response",
    "output",
    "prediction",
    "response",
)
"""What authors call the model's answer instead of `sample.output_text`."""

NAME: Final = r"""[^\s.\[\]{}()"'`|,;=<>!&~^\\/*+%?]++"""
"""A regular expression: what can follow a dot without brackets and quotes."""

_PLAIN_NAME = re.compile(r"[^\W\d][\w-]*")
_PATH = re.compile(r"([^\W\d][\w-]*)([\w.\[\]\"'-]*)")
_RIGHT_SO_FAR = re.compile(
    rf"""(?:item|sample)(?!\w)(?:\.{NAME}|\[\s*(?:-?\d+|"[^"]*"|'[^']*')\s*\])*"""
)
_OPERATOR = re.compile(r"[-+*/%<>=!&?^~]|(?:if|or|and|in|not|is)\b")
_LONGEST = 60


class TemplateError(ValueError):
    """A template that cannot be parsed; its text names the place and the right spelling."""


def no_variable(text: str, start: int, end: int) -> TemplateError:
    """The braces at `text[start:end]` open something that is no variable."""
    if end - start > 3:
        return _fault(
            text, start, f"{end - start} opening braces; a variable has two: {{{{ item.name }}}}"
        )
    close = text.find("}}", end)
    if close < 0 or "{{" in text[end:close]:
        return _fault(text, start, "'{{' is not closed; write {{ item.name }}")
    inner = text[end:close].strip()
    quoted = _cut(f"{{{{{text[end:close]}}}}}")
    return _fault(text, start, f"{quoted} is no variable: {_advice(inner)}")


def closed_too_often(text: str, start: int, length: int) -> TemplateError:
    """A run of `}` closes more than the literal text before it has opened."""
    return _fault(
        text,
        start,
        f"unbalanced braces: {'}' * min(length, 10)} closes what no '{{' before it has opened; a variable ends with two",
    )


def sample_output(text: str, start: int, steps: str) -> TemplateError:
    """`sample.output…`, a well-known mistake; `steps` is what follows it."""
    right = f"sample.output_json{steps}" if steps else "sample.output_text"
    return _fault(text, start, f"sample has no 'output'; write {{{{ {_cut(right)} }}}}")


def spell(namespace: str, path: Iterable[str | int]) -> str:
    """The path as a template spells it: `item.a["odd key"][0]`."""
    spelled = [namespace]
    for step in path:
        if isinstance(step, int):
            spelled.append(f"[{step}]")
        elif _PLAIN_NAME.fullmatch(step):
            spelled.append(f".{step}")
        else:
            escaped = step.replace("\\", "\\\\").replace('"', '\\"')
            spelled.append(f'["{escaped}"]')
    return "".join(spelled)


def quote(namespace: str, path: Iterable[str | int]) -> str:
    """The variable in its braces, cut to a bounded length."""
    return f"{{{{ {_cut(spell(namespace, path))} }}}}"


def missing(namespace: str, path: Sequence[str | int], depth: int, value: Any) -> str:
    """Why `path[depth]` is not in `value`, which is what `path[:depth]` leads to."""
    step = path[depth]
    where = _cut(spell(namespace, path[:depth]))
    if isinstance(value, Mapping):
        reason = _no_key(where, step, value)
        if depth == 0 and namespace == "item" and step in SAMPLE_KEYS:
            reason = f"item has no {step!r}, but sample may: {{{{ {spell('sample', path)} }}}}"
    elif isinstance(value, list | tuple):
        reason = f"{where} is a list of {len(value)}; "
        reason += (
            f"it has no element {step}"
            if isinstance(step, int)
            else f"write {where}[0]{spell('', [step])}"
        )
    elif value is None:
        reason = f"{where} is null"
    else:
        reason = f"{where} is {_kind(value)} and has nothing inside"
    return f"{quote(namespace, path)}: {_cut(reason, 600)}"


def no_json_inside(namespace: str, path: Sequence[str | int], depth: int, why: str) -> str:
    """The path goes on into a string, which is no JSON."""
    where = _cut(spell(namespace, path[:depth]))
    return (
        f"{quote(namespace, path)}: {where} is a text, and no JSON that a path could go into: {why}"
    )


def _fault(text: str, position: int, what: str) -> TemplateError:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    near = text[max(position - 15, 0) : position + 25]
    return TemplateError(f"line {line}, column {column} (near {near!r}): {what}")


def _cut(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _advice(inner: str) -> str:
    if not inner:
        return (
            "there is nothing between the braces; write {{ item.name }} or {{ sample.output_text }}"
        )
    if so_far := _RIGHT_SO_FAR.match(inner):
        return _path_advice(so_far[0], inner[so_far.end() :])
    if path := _PATH.match(inner):
        root, rest = path.groups()
        return f"variables begin with item or sample; write {{{{ {_cut(_rooted(root, rest))} }}}}"
    return "write {{ item.name }} or {{ sample.output_text }}; blocks, comments and expressions do not exist"


def _rooted(root: str, rest: str) -> str:
    """The variable that was probably meant by one that begins with neither item nor sample."""
    if root in SAMPLE_KEYS:
        return f"sample.{root}{rest}"
    if rest.startswith((".", "[")) and (near := _nearest(root, ["item", "sample"])):
        return f"{near}{rest}"
    if root.lower() in _ANSWER_WORDS:
        return "sample.output_text"
    if root.lower() in ("item", "sample"):
        return root.lower() + rest
    return f"item.{root}{rest}"


def _path_advice(path: str, rest: str) -> str:
    """`path` is right so far; `rest` is not."""
    follows = rest.lstrip()
    if follows.startswith("|"):
        return f"there are no filters; write {{{{ {_cut(path)} }}}}"
    if follows.startswith("("):
        return "functions cannot be called"
    if follows.startswith("."):
        return 'a name must follow the dot at once; odd names are written item["odd name"]'
    if follows.startswith("["):
        return 'in brackets stands a number or a quoted key: [0] or ["key"]'
    if rest[:1].isspace() and _OPERATOR.match(follows):
        return f"there are no expressions; write {{{{ {_cut(path)} }}}}"
    return 'names with blanks or signs are written in brackets and quotes: item["a b"]'


def _no_key(where: str, step: str | int, value: Mapping[str, Any]) -> str:
    if isinstance(step, int):
        return f"{where} is an object, not a list; {_keys(value)}"
    near = _nearest(step, value)
    hint = f"did you mean {near!r}? " if near else ""
    return f"{where} has no {_cut(step)!r}; {hint}{_keys(value)}"


def _keys(value: Mapping[str, Any]) -> str:
    if not value:
        return "it is empty"
    shown = ", ".join(repr(_cut(key, 40)) for key in islice(value, 10))
    return f"it has {shown}" + (f" and {len(value) - 10} more" if len(value) > 10 else "")


def _nearest(word: str, names: Iterable[str]) -> str | None:
    """Of the first 200 names of usual length the one that is most like the word."""
    usual = {name.lower(): name for name in islice(names, 200) if len(name) <= _LONGEST}
    found = get_close_matches(word[:_LONGEST].lower(), usual, n=1, cutoff=0.7)
    return usual[found[0]] if found else None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a text" if isinstance(value, str) else "a number"
