"""Tokens as `azure-ai-evaluation` takes them for bleu, gleu and meteor: NLTK's, by the text's alphabet.

Punkt's sentences are NLTK's own. Its two word tokenizers run their expressions through the package
`regex`, which is up to a hundred times slower on them than `re` (55 ms instead of 0.5 ms for 10,000
letters with one accent among them); the one for other alphabets also costs 10 MB. So the
expressions of the first are compiled anew, and the second is written down here.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nltk
from nltk.tokenize.destructive import NLTKWordTokenizer
from nltk.tokenize.util import xml_unescape

Tokenize = Callable[[str], list[str]]
"""The words and punctuation marks of a text, in order."""

_FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE


def load(folder: Path) -> Tokenize:
    """The tokenizer with its data in memory (about 5 MB, 0.1 s).

    NLTK finds Punkt through one list of the whole process; the folder goes to its head, here and
    nowhere else. Where two folders are loaded in one process, both have the same data.

    Raises:
        LookupError: NLTK does not find, or refuses to read, its data in the folder.
        OSError: the character lists cannot be read.
    """
    place = str(folder.resolve())
    if place not in nltk.data.path:
        nltk.data.path.insert(0, place)
    nltk.sent_tokenize("Load Punkt.")
    words = _with_plain_expressions(NLTKWordTokenizer)().tokenize
    international = _international(folder / "misc/perluniprops")

    def tokenize(text: str) -> list[str]:
        if not text.isascii():
            return international(text)
        return [word for sentence in nltk.sent_tokenize(text) for word in words(sentence)]

    return tokenize


def _with_plain_expressions(tokenizer: type) -> Any:
    """A subclass, for ASCII texts, whose constants hold `re`'s expressions instead of `regex`'s."""
    constants = {name: _plain(value) for name, value in vars(tokenizer).items() if name.isupper()}
    return type(tokenizer.__name__, (tokenizer,), constants)


def _plain(value: Any) -> Any:
    """The expressions of `regex` in (nested) lists are compiled anew, other things kept.

    ASCII, because `regex` and `re` differ on whether \\x1c to \\x1f are white space, but not there.
    """
    if isinstance(value, list | tuple):
        return type(value)(_plain(part) for part in value)
    if isinstance(value, re.Pattern) or not isinstance(getattr(value, "pattern", None), str):
        return value
    return re.compile(value.pattern, value.flags & _FLAGS | re.ASCII)


def _international(folder: Path) -> Tokenize:
    """NLTK's `NISTTokenizer().international_tokenize` (mteval-v14.pl), whose import would read the same lists."""
    number, punctuation, symbol = (
        _one_of(folder / f"{name}.txt") for name in ("Number", "Punctuation", "Symbol")
    )
    steps = (
        (re.compile("([\x00-\x7f]+)"), r" \1 "),
        (re.compile(f"({number})({punctuation})"), r"\1 \2 "),
        (re.compile(f"({punctuation})({number})"), r" \1 \2"),
        (re.compile(f"({symbol})"), r" \1 "),
    )

    def tokenize(text: str) -> list[str]:
        text = xml_unescape(text.replace("<skipped>", "").replace("\u2028", " "))
        for expression, replacement in steps:
            text = expression.sub(replacement, text)
        return text.split()

    return tokenize


def _one_of(file: Path) -> str:
    """The expression for any character of a list of Perl's Unicode properties; they are older than `unicodedata`."""
    return f"[{re.escape(file.read_bytes().decode('utf-8').strip())}]"
