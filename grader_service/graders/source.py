"""What can be said of a python grader's source without running it."""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cachetools import LRUCache

from grader_service.errors import WorkersUnavailable
from grader_service.sandbox.base import MAX_SOURCE_BYTES
from grader_service.workers import Workers

SMALL_SOURCE_BYTES = 16_384
"""Up to here a look takes a few milliseconds at most; larger sources can take a second."""

HOSTED_REFUSES: Mapping[str, str] = MappingProxyType(
    {"sys": "use of module 'sys' is not allowed in Python graders"}
)
"""Import to the hosted service's words, as far as seen in the wild (grader-api §8.5); its whole list is not published."""

_PYTHON = (3, 11)
_REMEMBERED = 1000
_LOOK_SECONDS = 10.0
_NEEDED = "define `def grade(sample, item)` that returns a number"


@dataclass(frozen=True, slots=True)
class Findings:
    """Why a source can never grade, or None; and what its author should know all the same."""

    error: str | None = None
    warnings: tuple[str, ...] = ()


class Sources:
    """Looks at each distinct source once: small ones here and now, large ones in a worker process."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._seen: LRUCache[bytes, Findings] = LRUCache(_REMEMBERED)

    async def look_at(self, source: str) -> Findings:
        """What is wrong with a source, or odd about it."""
        digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).digest()
        findings = self._seen.get(digest)
        if findings is None:
            findings = self._seen[digest] = await self._look_at(source)
        return findings

    async def _look_at(self, source: str) -> Findings:
        if len(source) <= SMALL_SOURCE_BYTES:
            return look_at(source)
        try:
            return await self._workers.call(look_at, source, timeout_seconds=_LOOK_SECONDS)
        except (TimeoutError, MemoryError, WorkersUnavailable):
            return Findings()  # the sandbox compiles it in any case, and says what is wrong


def look_at(source: str) -> Findings:
    """Judge a source without running it; pure, for any process."""
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        return Findings("the source is no valid Unicode text: it contains a lone surrogate")
    if size > MAX_SOURCE_BYTES:
        return Findings(f"the source has {size:,} bytes; at most {MAX_SOURCE_BYTES:,} are allowed")
    try:
        tree = ast.parse(source, "grader.py", feature_version=_PYTHON)
    except SyntaxError as error:
        return Findings(f"{type(error).__name__}: {error.msg} (line {error.lineno})")
    except SystemError:  # CPython 3.11, where another thread parses at the same time
        return Findings()  # the sandbox compiles it in any case
    except (ValueError, MemoryError, RecursionError) as error:
        return Findings(f"the source cannot be parsed: {type(error).__name__}: {error}")
    return Findings(_missing_grade(tree), tuple(_hosted_refusals(tree)))


def _missing_grade(tree: ast.Module) -> str | None:
    """Only what is certain: a name bound in any other way than by `def` is left to the sandbox."""
    last = [node for node in tree.body if _binds_grade(node)]
    if last:
        node = last[-1]
        if isinstance(node, ast.AsyncFunctionDef):
            return (
                f"`grade` is an `async def` (line {node.lineno}): it returns no number; {_NEEDED}"
            )
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            return _wrong_signature(node)
        return None
    if any(_may_bind_grade(node) for node in ast.walk(tree)):
        return None
    return f"the source defines no function `grade`; {_NEEDED}"


def _binds_grade(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == "grade"
    return any(map(_may_bind_grade, ast.walk(node)))


def _may_bind_grade(node: ast.AST) -> bool:
    match node:
        case ast.Name(id="grade", ctx=ast.Store()):
            return True
        case ast.Name(id="exec" | "globals" | "vars" | "setattr"):
            return True
        case (
            ast.FunctionDef(name="grade")
            | ast.AsyncFunctionDef(name="grade")
            | ast.ClassDef(name="grade")
        ):
            return True
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return any((each.asname or each.name) in ("grade", "*") for each in names)
        case _:
            return False


def _wrong_signature(node: ast.FunctionDef) -> str | None:
    arguments = node.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    required = positional - len(arguments.defaults)
    keywords = [
        each.arg
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    if required <= 2 and (positional >= 2 or arguments.vararg) and not keywords:
        return None
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return (
        f"`def grade({', '.join(names)[:200]})` (line {node.lineno}) cannot be called with two positional "
        f"arguments; {_NEEDED}"
    )


def _hosted_refusals(tree: ast.AST) -> Iterator[str]:
    """Also imports under `if __name__ == "__main__"`: the hosted service looks at the entire source."""
    seen = set()
    for node in ast.walk(tree):
        for name in _imported(node):
            root = name.partition(".")[0]
            if root in HOSTED_REFUSES and root not in seen:
                seen.add(root)
                yield (
                    f"line {getattr(node, 'lineno', 0)} imports {root!r}: the hosted service refuses such a grader "
                    f"({HOSTED_REFUSES[root]!r}); this server runs it"
                )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []
