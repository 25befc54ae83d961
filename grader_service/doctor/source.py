"""What a python grader's source tells about how it reads a sample, without running it."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_NAMESPACE_KEYS = frozenset(
    {
        "output_text",
        "output_json",
        "output_tools",
        "output_reasoning_summary",
        "choices",
        "message",
        "content",
        "tool_calls",
        "function",
        "name",
        "arguments",
    }
)
_OUTSIDE = frozenset({"run_untrusted", "Popen", "check_output", "check_call", "run_path", "popen"})
_CHANCE = frozenset({"random", "secrets", "uuid"})
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_' -]{2,40}")
_KEY = re.compile(r"[\"']([A-Za-z_]\w{0,30})[\"']\)?(?:\\s\*)?\s*:")
"""A key in a pattern or template of JSON."""
_TAG = re.compile(r"<([A-Za-z_]\w{0,30})>")
MAX_WORDS = 200


@dataclass(frozen=True, slots=True)
class Facts:
    """`item_keys` are read from the item as far as can be seen, `keys` are all constant keys that are read
    from anything else; `words` are string constants that look like words; `chance` names calls of random numbers."""

    item_keys: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    strings: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    chance: tuple[str, ...] = ()
    evaluates: bool = False
    executes: bool = False
    reads_tools: bool = False
    reads_json: bool = False

    @property
    def runs_code(self) -> bool:
        return self.evaluates or self.executes


def facts_of(source: str) -> Facts:
    """Nothing of a source that cannot be parsed: the sandbox will say why."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return Facts()
    strings = _unique(_strings(tree))
    reads = list(_reads(tree))
    item = _item_name(tree)
    item_keys = _unique(key for base, key in reads if base == item)
    written = [key for text in strings if ":" in text for key in _KEY.findall(text)]
    called = {name for name, _ in _calls(tree)}
    return Facts(
        item_keys=item_keys,
        keys=_unique(
            key
            for base, key in (*reads, *(("", key) for key in written))
            if base != item and key not in _NAMESPACE_KEYS | {*item_keys}
        ),
        strings=strings,
        words=tuple(text for text in strings if _WORD.fullmatch(text))[:MAX_WORDS],
        patterns=_unique(_patterns(tree)),
        tags=_unique(tag for text in strings for tag in _TAG.findall(text)),
        chance=_unique(_chances(tree)),
        evaluates="eval" in called,
        executes=bool(called & (_OUTSIDE | {"exec"})) or _starts_processes(tree),
        reads_tools=any(text in strings for text in ("output_tools", "tool_calls")),
        reads_json="output_json" in strings or bool(called & {"loads", "dumps"}) or bool(written),
    )


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _item_name(tree: ast.Module) -> str:
    """The second parameter of `grade`."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "grade":
            parameters = [*node.args.posonlyargs, *node.args.args]
            if len(parameters) > 1:
                return parameters[1].arg
    return "item"


def _reads(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(name of the base or "", constant key) of `base["key"]` and `base.get("key")`."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=base, slice=ast.Constant(value=str(key))):
                yield _name(base), key
            case ast.Call(
                func=ast.Attribute(value=base, attr="get"), args=[ast.Constant(value=str(key)), *_]
            ):
                yield _name(base), key


def _name(node: ast.expr) -> str:
    """`item` of `item` and of `(item or {})`."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.BoolOp(values=[first, *_]):
            return _name(first)
        case _:
            return ""


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
                yield name, node


def _starts_processes(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("subprocess", "run"), ("os", "system")}
        for node in ast.walk(tree)
    )


def _patterns(tree: ast.AST) -> Iterator[str]:
    """First arguments of calls like `re.search`, and of `re.compile`."""
    for name, call in _calls(tree):
        if name in {
            "search",
            "match",
            "fullmatch",
            "findall",
            "finditer",
            "sub",
            "compile",
            "split",
        }:
            for argument in call.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def _chances(tree: ast.AST) -> Iterator[str]:
    """Random numbers that no seed of the source fixes."""
    calls = list(_calls(tree))
    if any(name in {"seed", "Random", "default_rng"} and call.args for name, call in calls):
        return
    modules = _imported(tree)
    for _, call in calls:
        name = ast.unparse(call.func)
        root = modules.get(name.partition(".")[0], "")
        if (
            root.partition(".")[0] in _CHANCE
            or root == "numpy.random"
            or ".random." in name
            or name == "os.urandom"
        ):
            yield name


def _imported(tree: ast.AST) -> dict[str, str]:
    """Names bound by imports, and what they stand for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {
                (each.asname or each.name).partition(".")[0]: each.name for each in node.names
            }
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {each.asname or each.name: node.module for each in node.names}
    return found
