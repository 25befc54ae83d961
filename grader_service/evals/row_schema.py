"""Compares rows with an eval's item schema, and only tells: clients in the field declare types that they do not send.

No more is looked at than keys that must be there and the types of those on the first level (evals-api §0.5): a
schema may hold patterns and references, and they are a stranger's.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

MAX_WARNINGS = 20

_TYPES: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "string": (str,),
        "number": (int, float),
        "integer": (int,),
        "boolean": (bool,),
        "array": (list,),
        "object": (dict,),
        "null": (type(None),),
    }
)


class RowSchema:
    """Collects what differs, over all rows of a run."""

    def __init__(self, item_schema: Any) -> None:
        schema = item_schema if isinstance(item_schema, dict) else {}
        properties = schema.get("properties")
        required = schema.get("required")
        self._types = {
            key: types
            for key, form in (properties.items() if isinstance(properties, dict) else ())
            if (types := _types(form))
        }
        self._required = (
            [key for key in required if isinstance(key, str)] if isinstance(required, list) else []
        )
        self._found: dict[str, tuple[int, int]] = {}

    def look_at(self, index: int, item: Mapping[str, Any]) -> None:
        """Note what this row lacks or has as another type."""
        for key in self._required:
            if key not in item:
                self._note(f"item.{key[:60]} is missing, and the schema requires it", index)
        for key, types in self._types.items():
            if key in item and not _fits(item[key], types):
                self._note(f"item.{key[:60]} is not of the type that the schema names", index)

    def _note(self, what: str, index: int) -> None:
        if what in self._found or len(self._found) < MAX_WARNINGS:
            count, first = self._found.get(what, (0, index))
            self._found[what] = (count + 1, first)

    def warnings(self) -> list[str]:
        """One line for each difference, with how many rows have it."""
        return [
            f"{what} (rows: {count}, the first is {first})"
            for what, (count, first) in self._found.items()
        ]


def _types(form: Any) -> tuple[type, ...]:
    kinds = form.get("type") if isinstance(form, dict) else None
    names = [str(name) for name in (kinds if isinstance(kinds, list) else [kinds])]
    if not all(name in _TYPES for name in names):
        return ()
    return tuple(kind for name in names for kind in _TYPES[name])


def _fits(value: Any, types: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in types
    return isinstance(value, types)
