"""The data folder that `make install` fills, and 1,000 pairs of texts that people and models could have written."""

import random
from pathlib import Path

import pytest
from hypothesis import settings

from grader_service.similarity import data, resources

settings.register_profile("loaded machine", deadline=None)
settings.load_profile("loaded machine")

_WORDS = """
the a an and of to in is was it that for on with as his they be at one have this from by hot word
dog dogs run ran running runs mouse mice ox oxen better best good worse bad quick quickly car
automobile buy purchased house home child children aardwolves axes leaves wolves cities studies
flying flies dying news skies happiness relational conditional rationalize Rome Paris Dr. Mr. U.S.
can't won't it's they're I'd d'ye gonna cannot 'tis O'Neil's y'all e.g. i.e. well-known
3.50 1,000 42 100% $5 -7 3/4 a.b.c x=1 http://a.example/b?c=d&e foo@example.org #tag C++ [1] (two)
"""
_FOREIGN = """
café naïve Ünïcödé straße İstanbul ſtrong Καλημέρα κόσμε привет мир שלום عالم ١٢٣ ½ ² Ⅷ 東京 都 漢字。 「引用」 한국어
ไทย हिन्दी e\u0301 \u200d 😀 👩‍👩‍👧 € £3,50 «oui» “quoted” ‘single’ — … \u2028 \u00a0 ﬁn 𝔘𝔫𝔦 &amp; &lt;b&gt; <skipped>
"""
_MARKS = [
    ".",
    ",",
    "!",
    "?",
    ";",
    ":",
    "...",
    "--",
    '"',
    "''",
    "``",
    "(",
    ")",
    "\n",
    "\t",
    "  ",
    "'",
]


def _text(choose: random.Random, words: list[str]) -> str:
    parts = []
    for _ in range(choose.choice([1, 2, 3, 8, 20, 60])):
        parts.append(choose.choice(words))
        if choose.random() < 0.1:
            parts[-1] = parts[-1].capitalize() if choose.random() < 0.5 else parts[-1].upper()
        if choose.random() < 0.05:
            parts.extend([parts[-1]] * choose.randint(1, 5))
        if choose.random() < 0.2:
            parts.append(choose.choice(_MARKS))
    return choose.choice([" ", " ", " ", ""]).join(parts)


def _changed(choose: random.Random, text: str, words: list[str]) -> str:
    parts = text.split(" ")
    for _ in range(choose.randint(0, 1 + len(parts) // 3)):
        place = choose.randrange(len(parts))
        match choose.randrange(4):
            case 0:
                parts[place] = choose.choice(words)
            case 1:
                parts[place] = parts[place].swapcase()
            case 2:
                parts.insert(place, choose.choice(words))
            case _:
                parts[place] = parts[place][:-1]
    return " ".join(parts)


@pytest.fixture(scope="session")
def pairs() -> list[tuple[str, str]]:
    """Hypothesis and reference: half of them ASCII, two thirds alike, some empty or of one kind of mark."""
    choose = random.Random(20060)
    found = [
        ("", ""),
        ("", "a"),
        ("a", ""),
        (" ", " "),
        ("a", " "),
        ("\0", "\0"),
        (".", "."),
        ("\u0301", "e"),
    ]
    while len(found) < 1000:
        words = (
            _WORDS.split() if choose.random() < 0.5 else _WORDS.split() + _FOREIGN.split(" ") * 2
        )
        reference = _text(choose, words)
        alike = choose.random() < 0.67
        found.append(
            (_changed(choose, reference, words) if alike else _text(choose, words), reference)
        )
    return found


@pytest.fixture(scope="session")
def nltk_data() -> Path:
    folder = Path(__file__).parents[2] / ".nltk_data"
    data.check(folder)
    return folder


@pytest.fixture(scope="session")
def loaded(nltk_data: Path) -> resources.Resources:
    return resources.load(nltk_data, "WRatio")
