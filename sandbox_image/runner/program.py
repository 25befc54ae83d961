"""From an author's source to something that can be forked: compiled once, its packages imported once."""

import ast
import gc
import importlib
import json
import marshal
import os
import selectors
import signal
import sys
import time
import types
import warnings
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import failures

_COMPILE_SECONDS = 20.0
_LENGTH_BYTES = 4
_NEVER_AHEAD = frozenset(
    {
        "__main__",
        "antigravity",
        "this",
        "turtle",
        "tkinter",
        "idlelib",
        "turtledemo",
        "test",
        "lib2to3",
    }
)


class Isolation(Protocol):
    """How a new process gets an identity of its own; `uids` and `namespaces` implement it."""

    def fresh(self) -> Any: ...
    def enter(self, identity: Any) -> None: ...
    def clear(self, identities: list[Any], pids: list[int]) -> bool: ...


class Refused(Exception):
    """The source can never grade; the text is for its author."""


@dataclass(frozen=True, slots=True)
class Program:
    source: str
    code: types.CodeType


def load(source: bytes, isolation: Isolation) -> Program:
    """Compile in a process of its own (a compiler can be made to crash), import here what the source names.

    Raises:
        Refused: the source does not compile.
    """
    compiled = _compile_apart(source, isolation)
    length = int.from_bytes(compiled[:_LENGTH_BYTES], "big")
    found = json.loads(compiled[_LENGTH_BYTES : _LENGTH_BYTES + length])
    if "details" in found:
        raise Refused(found["details"])
    for name, members in found["imports"]:
        _import_ahead(name, members)
    if "numpy" in sys.modules and b"random" in source:
        _import_ahead(
            "numpy.random", []
        )  # where it is not there before the fork, it cannot be seeded
    code = marshal.loads(compiled[_LENGTH_BYTES + length :])
    gc.collect()
    gc.freeze()
    return Program(source.decode(), code)


def _import_ahead(name: str, members: list[str]) -> None:
    """What fails here fails again, visibly, in the author's own code."""
    root = name.partition(".")[0]
    if root in _NEVER_AHEAD:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = importlib.import_module(name)
            for member in members:
                if not hasattr(module, member) and hasattr(module, "__path__"):
                    importlib.import_module(f"{name}.{member}")
        except BaseException:
            return


def _compile_apart(source: bytes, isolation: Isolation) -> bytes:
    read_end, write_end = os.pipe()
    identity = isolation.fresh()
    pid = os.fork()
    if pid == 0:
        _compile_and_tell(source, isolation, identity, write_end)
    os.close(write_end)
    try:
        result = _read_until(read_end, time.monotonic() + _COMPILE_SECONDS)
    finally:
        os.close(read_end)
        os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        isolation.clear([identity], [])
    if result is None:
        raise Refused(f"the source was not compiled within {_COMPILE_SECONDS:.0f} s")
    if len(result) < _LENGTH_BYTES:
        raise Refused(
            f"the source cannot be compiled: Python's own compiler ended with status {status}"
        )
    return result


def _read_until(descriptor: int, deadline: float) -> bytes | None:
    parts = []
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            part = os.read(descriptor, 1 << 16)
            if not part:
                return b"".join(parts)
            parts.append(part)
    return None


def _compile_and_tell(
    source: bytes, isolation: Isolation, identity: Any, descriptor: int
) -> NoReturn:
    try:
        isolation.enter(identity)
        head, body = _compile(source)
        text = json.dumps(head).encode()
        with open(descriptor, "wb") as file:
            file.write(len(text).to_bytes(_LENGTH_BYTES, "big") + text + body)
    finally:
        os._exit(0)


def _compile(source: bytes) -> tuple[dict[str, Any], bytes]:
    warnings.simplefilter("ignore")
    try:
        tree = ast.parse(source, failures.FILE)
        code = compile(source, failures.FILE, "exec", dont_inherit=True)
        return {"imports": list(_imports(tree))}, marshal.dumps(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        return {"details": _why(error)}, b""


def _why(error: Exception) -> str:
    if not isinstance(error, SyntaxError):
        return f"the source cannot be compiled: {type(error).__name__}: {str(error)[:500]}"
    line = f"\n    {error.text.strip()[:200]}" if error.text else ""
    return f"{type(error).__name__}: {str(error.msg)[:500]} (line {error.lineno}){line}"


def _imports(tree: ast.AST) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.extend((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append((node.module, [alias.name for alias in node.names if alias.name != "*"]))
        elif (
            isinstance(node, ast.Call)
            and len(node.args) == 1
            and isinstance(node.args[0], ast.Constant)
        ):
            name = node.args[0].value
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("import_module", "__import__") and isinstance(name, str):
                found.append((name, []))
    return found
