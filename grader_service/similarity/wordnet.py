"""The synonyms of WordNet 3.0 as METEOR asks for them, from one small file that is mapped, not loaded.

`build` makes the file from WordNet's own files at set-up; `WordNet` reads it. NLTK's reader gives
the same answers, but holds 130 MB and starts in 2 s.

The file: an 8-byte mark, a table of 2^18 little-endian 32-bit offsets (a hash table, open
addressing, 0 is free), then one line of ASCII per word form:

    dog<TAB>n frump cad ... dog<TAB>v chase tail ...
    mice<TAB>N mouse

A field `n`, `v`, `a` or `r` says that the form is listed under this part of speech, with the
one-word lemmas of all its synsets; a capital says which base forms the exception list gives.
"""

import mmap
import re
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

_MARK = b"GSWORDN1"
_SLOTS = 1 << 18
_SLOT = struct.Struct("<I")
_HEADER_BYTES = len(_MARK) + _SLOTS * _SLOT.size

_FILES: Mapping[str, str] = MappingProxyType({"n": "noun", "v": "verb", "a": "adj", "r": "adv"})
_MARKER = re.compile(r"\([^()]*\)$")

_ENDINGS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "n": (
            ("s", ""),
            ("ses", "s"),
            ("ves", "f"),
            ("xes", "x"),
            ("zes", "z"),
            ("ches", "ch"),
            ("shes", "sh"),
            ("men", "man"),
            ("ies", "y"),
        ),
        "v": (
            ("s", ""),
            ("ies", "y"),
            ("es", "e"),
            ("es", ""),
            ("ed", "e"),
            ("ed", ""),
            ("ing", "e"),
            ("ing", ""),
        ),
        "a": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
        "r": (),
    }
)
"""WordNet's rules of detachment (morphy(7WN)) with the additions of NLTK's reader."""


class Lemma(str):
    """A synonym, in the shape that `nltk.translate.meteor_score` asks for."""

    __slots__ = ()

    def name(self) -> str:
        return self


class Synonyms:
    """What METEOR takes for a synset: here all synsets of a word in one."""

    __slots__ = ("_lemmas",)

    def __init__(self, lemmas: list[Lemma]) -> None:
        self._lemmas = lemmas

    def lemmas(self) -> list[Lemma]:
        return self._lemmas


class WordNet:
    """Stands in for NLTK's `WordNetCorpusReader` in `meteor_score`; safe to share between threads.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a file that `build` made.
    """

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            self._map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        if self._map[: len(_MARK)] != _MARK:
            raise ValueError(f"{str(file)!r} is no WordNet index of this version")

    def close(self) -> None:
        """Let go of the file; no question may follow."""
        self._map.close()

    def synsets(self, word: str) -> list[Synonyms]:
        """The synonyms without `_` of all base forms of a word; empty for a word that WordNet lacks."""
        word = word.lower()
        if not word.isascii():
            return []  # WordNet 3.0 is ASCII; and a lone surrogate could not be encoded
        own = self._fields(word)
        lemmas = [
            Lemma(name)
            for pos in _FILES
            for form in self._candidates(word, pos, own)
            for name in (own if form == word else self._fields(form)).get(pos, ())
        ]
        return [Synonyms(lemmas)] if lemmas else []

    @staticmethod
    def _candidates(word: str, pos: str, own: Mapping[str, list[str]]) -> Iterator[str]:
        yield word
        exceptions = own.get(pos.upper())
        if exceptions is not None:
            yield from exceptions
            return
        for ending, replacement in _ENDINGS[pos]:
            if word.endswith(ending):
                yield word[: -len(ending)] + replacement

    def _fields(self, form: str) -> dict[str, list[str]]:
        key = form.encode("ascii") + b"\t"
        slot = _hash(key)
        while offset := _SLOT.unpack_from(self._map, len(_MARK) + slot * _SLOT.size)[0]:
            if self._map[offset : offset + len(key)] == key:
                line = self._map[offset + len(key) : self._map.find(b"\n", offset)].decode("ascii")
                return {field[0]: field[2:].split() for field in line.split("\t")}
            slot = (slot + 1) % _SLOTS
        return {}


def build(source: Path, target: Path) -> None:
    """Write the index of the WordNet 3.0 database files in the folder `source`.

    Raises:
        OSError: a file is missing or cannot be read or written.
        ValueError: a file is not in WordNet's format (wndb(5WN)), or of another version.
    """
    with (source / "data.noun").open(encoding="ascii") as noun:
        if "WordNet 3.0 Copyright" not in noun.read(2000):
            raise ValueError(f"{str(source)!r} does not hold WordNet 3.0")
    entries: defaultdict[str, list[str]] = defaultdict(list)
    for pos, suffix in _FILES.items():
        names = dict(_synsets(source / f"data.{suffix}"))
        for form, offsets in _index(source / f"index.{suffix}"):
            found = dict.fromkeys(name for offset in offsets for name in names[offset])
            entries[form].append(" ".join((pos, *found)))
        for form, bases in dict(_exceptions(source / f"{suffix}.exc")).items():
            entries[form].append(" ".join((pos.upper(), *bases)))
    table = bytearray(_SLOTS * _SLOT.size)
    lines = bytearray()
    for form in sorted(entries):
        key = form.encode("ascii") + b"\t"
        slot = _hash(key)
        while _SLOT.unpack_from(table, slot * _SLOT.size)[0]:
            slot = (slot + 1) % _SLOTS
        _SLOT.pack_into(table, slot * _SLOT.size, _HEADER_BYTES + len(lines))
        lines += key + "\t".join(entries[form]).encode("ascii") + b"\n"
    target.write_bytes(_MARK + table + lines)


def _hash(key: bytes) -> int:
    return zlib.crc32(key) % _SLOTS


def _lines(file: Path) -> Iterator[list[str]]:
    """The fields of each line; the licence at the head of WordNet's files is indented."""
    with file.open(encoding="ascii") as lines:
        for line in lines:
            if line.strip() and not line.startswith(" "):
                yield line.split()


def _synsets(file: Path) -> Iterator[tuple[int, list[str]]]:
    """`offset lex_filenum ss_type w_cnt word lex_id [word lex_id ...] ...`, w_cnt in hexadecimal."""
    for fields in _lines(file):
        count = int(fields[3], 16)
        names = (_MARKER.sub("", name) for name in fields[4 : 4 + 2 * count : 2])
        yield int(fields[0]), [name for name in names if "_" not in name]


def _index(file: Path) -> Iterator[tuple[str, list[int]]]:
    """`lemma pos synset_cnt p_cnt [symbol ...] sense_cnt tagsense_cnt offset [offset ...]`."""
    for fields in _lines(file):
        yield fields[0], [int(offset) for offset in fields[-int(fields[2]) :]]


def _exceptions(file: Path) -> Iterator[tuple[str, list[str]]]:
    for fields in _lines(file):
        yield fields[0], fields[1:]
