"""Makes what is invisible in a text visible: a reader must see what a grader saw."""

import re
from typing import Final

_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but for tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # turn the direction of writing
    "\u200b\u2028\u2029\u2060-\u2064\ufeff\U000e0000-\U000e007f]"  # no width at all
)


def visible(text: str) -> str:
    """Controls, marks of direction and characters without width as `⟨U+202E⟩`; tabs and newlines stay.

    Joiners stay too: whole scripts and many emoji need them.
    """
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text.replace("\r\n", "\n"))


def line(text: str, most: int) -> str:
    """One line of at most so many characters."""
    shown = visible(text[: most * 2]).replace("\n", " ").replace("\t", " ")
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
