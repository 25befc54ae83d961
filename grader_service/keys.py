"""API keys as people write them: `name:key`, between commas or on lines of their own."""

from dataclasses import dataclass

from pydantic import SecretStr

FORM = "write `name:key`, with a comma or a new line before the next; a line that begins with # is a comment"


@dataclass(frozen=True, slots=True)
class NamedKey:
    """`name` is the tenant. While a key is changed a tenant has two, the old one and the new."""

    name: str
    key: SecretStr


def parse(text: str, *, bare: bool) -> tuple[NamedKey, ...]:
    """The keys in a text. `bare` takes keys without names, too, which are called key1, key2, … by their places.

    Raises:
        ValueError: with the place of the fault, and never the key.
    """
    if text.lstrip().startswith(("{", "[", '"')):
        raise ValueError(f"JSON is not read here; {FORM}")
    keys: dict[str, NamedKey] = {}
    for place, part in enumerate(_parts(text), start=1):
        name, colon, key = (each.strip() for each in part.partition(":"))
        if not colon and bare:
            name, key = f"key{place}", name
        if not name or not key:
            raise ValueError(f"at place {place} there is no name with a key; {FORM}")
        if not key.isprintable() or not name.isprintable():  # bytes that are no UTF-8, too
            raise ValueError(f"the key at place {place} has a character that no header can send")
        if key in keys:
            raise ValueError(f"the key at place {place} was there before; each belongs to one name")
        keys[key] = NamedKey(name, SecretStr(key))
    return tuple(keys.values())


def _parts(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [part for line in lines if line and not line.startswith("#") for part in line.split(",")]
