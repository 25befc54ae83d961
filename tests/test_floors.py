"""The plan of the house: an import goes down or stays on its floor, and never in a circle."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "grader_service"

FLOORS = (
    ("errors", "settings", "events", "keys", "trace", "files", "jsontext"),
    (
        *("template", "template_faults", "formula", "formula_bounds", "formula_syntax", "sample"),
        *("workers", "similarity", "sandbox", "judge", "endpoints", "logs", "store"),
    ),
    ("graders", "engines"),
    (
        *("wire", "catalog", "sampling", "datasets", "report", "doctor"),
        *("evals", "webhooks", "metrics"),
    ),
    ("http",),
    ("tracing",),
    ("app",),
    ("server", "supervisor"),
    ("cli",),
    ("__main__",),
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> dict[str, set[str]]:
    """Every module with the modules of this package that it imports."""
    names = {_name(path): path for path in PACKAGE.rglob("*.py")}
    return {
        name: {found for found in _imports(path, set(names)) if found != name}
        for name, path in names.items()
    }


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    )


def _imports(path: Path, names: set[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module in names:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in names else str(node.module)


def _room(module: str) -> str:
    return module.split(".")[1]


def test_every_room_has_a_floor() -> None:
    rooms = {_room(name) for name in modules() if "." in name}
    assert rooms <= set(LEVEL), f"say on which floor {rooms - set(LEVEL)} is"


def test_imports_go_down() -> None:
    upward = [
        f"{name} -> {imported}"
        for name, imports in modules().items()
        for imported in imports
        if "." in name and "." in imported and LEVEL[_room(imported)] > LEVEL[_room(name)]
    ]
    assert upward == []


def test_no_module_imports_itself_by_a_detour() -> None:
    graphlib.TopologicalSorter(modules()).prepare()
