"""The fast tokenizers against NLTK's own."""

from collections.abc import Callable
from pathlib import Path

import nltk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader_service.similarity.resources import Resources

Tokenizer = Callable[[str], list[str]]

_LISTS = ("Number", "Punctuation", "Symbol")

_ASCII = """
a b A . , ; : ! ? ' " `` '' -- - ... ( ) [ ] { } < > / \\ # $ % & * + = @ ^ _ | ~ 1 2 3.5 1,000
can't cannot gonna gotta lemme gimme more'n wanna 'tis 'twas d'ye I'll they've N'T n't 's 'S 'm Mr. U.S. e.g. J.
No. 5. Yes! "Quote." (paren.) end.) end." well-known http://x.example <skipped> &amp; &lt; &apos; &#91;
"""
_PIECES = st.sampled_from(_ASCII.split())
_SPACES = st.sampled_from([" ", "", "  ", "\n", "\n\n", "\t", "\r\n", "\v", "\x1c"])
_FOREIGN = st.sampled_from(list("éßſİ中。、１½²Ⅷ١٢٣€£«»“”‘’—…\u0301\u2028\u00a0\u200d😀\ud800"))


def _join(parts: list[tuple[str, str]]) -> str:
    return "".join(part + space for part, space in parts)


ascii_texts = st.lists(st.tuples(_PIECES, _SPACES), max_size=30).map(_join)
other_texts = st.lists(st.tuples(_PIECES | _FOREIGN, _SPACES), max_size=30).map(_join)


@pytest.fixture(scope="module")
def international(loaded: Resources) -> Tokenizer:
    """NLTK reads its character lists while this is imported, from where `loaded` has pointed it."""
    from nltk.tokenize.nist import NISTTokenizer

    tokenizer: Tokenizer = NISTTokenizer().international_tokenize
    return tokenizer


@settings(max_examples=300)
@given(text=ascii_texts)
def test_ascii(loaded: Resources, text: str) -> None:
    assert loaded.tokenize(text) == nltk.word_tokenize(text)


@settings(max_examples=300)
@given(text=other_texts)
def test_other_alphabets(loaded: Resources, international: Tokenizer, text: str) -> None:
    expected = nltk.word_tokenize(text) if text.isascii() else international(text)
    assert loaded.tokenize(text) == expected


@given(text=st.text())
def test_any_text(loaded: Resources, international: Tokenizer, text: str) -> None:
    expected = nltk.word_tokenize(text) if text.isascii() else international(text)
    assert loaded.tokenize(text) == expected


def test_every_character_is_of_the_class_that_nltk_gives_it(
    nltk_data: Path, loaded: Resources, international: Tokenizer
) -> None:
    """All characters that the lists name, their neighbours, and every 61st of the others."""
    lists = [(nltk_data / f"misc/perluniprops/{name}.txt").read_text("utf-8") for name in _LISTS]
    listed = {ord(character) for text in lists for character in text}
    codes = {near for code in listed for near in (code - 1, code, code + 1)} | set(
        range(0, 0x110000, 61)
    )
    for start in range(0, len(codes), 2000):
        characters = map(chr, sorted(codes)[start : start + 2000])
        text = "é" + "".join(f" 1{character}.{character}1" for character in characters)
        assert loaded.tokenize(text) == international(text), start
