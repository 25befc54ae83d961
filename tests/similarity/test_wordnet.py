"""The compact index against NLTK's reader of the same files."""

import random
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.corpus.reader.wordnet import WordNetCorpusReader

from grader_service.similarity import wordnet
from grader_service.similarity.resources import Resources

_ENDINGS = ["", "s", "es", "ies", "ed", "ing", "er", "est", "men", "ses", "ches", "'s", "zes", "d"]


@pytest.fixture(scope="module")
def nltks(nltk_data: Path, loaded: Resources) -> WordNetCorpusReader:
    with pytest.warns(UserWarning, match="multilingual"):
        return WordNetCorpusReader(str(nltk_data / "corpora/wordnet"), None)


def _names(reader: wordnet.WordNet | WordNetCorpusReader, word: str) -> set[str]:
    """What METEOR takes of an answer."""
    return {
        lemma.name()
        for synset in reader.synsets(word)
        for lemma in synset.lemmas()
        if "_" not in lemma.name()
    }


def _forms(folder: Path, pattern: str) -> list[str]:
    lines = (
        line
        for file in sorted(folder.glob(pattern))
        for line in file.read_text("ascii").splitlines()
    )
    return [line.split()[0] for line in lines if line.strip() and not line.startswith(" ")]


def test_listed_and_inflected_words(
    nltk_data: Path, loaded: Resources, nltks: WordNetCorpusReader
) -> None:
    choose = random.Random(3)
    forms = choose.sample(_forms(nltk_data / "corpora/wordnet", "index.[anv]*"), 3000)
    for form in forms:
        for word in (
            form,
            form.title(),
            form + choose.choice(_ENDINGS),
            form[:-1] + choose.choice(_ENDINGS),
        ):
            assert _names(loaded.wordnet, word) == _names(nltks, word), word


def test_every_exception(nltk_data: Path, loaded: Resources, nltks: WordNetCorpusReader) -> None:
    for form in _forms(nltk_data / "corpora/wordnet", "*.exc"):
        assert _names(loaded.wordnet, form) == _names(nltks, form), form


@given(st.text() | st.text(string.ascii_lowercase, max_size=4))
def test_any_word(loaded: Resources, nltks: WordNetCorpusReader, word: str) -> None:
    assert _names(loaded.wordnet, word) == _names(nltks, word)


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "wordnet.index"
    file.write_bytes(b"something else")
    with pytest.raises(ValueError, match="no WordNet index"):
        wordnet.WordNet(file)


@pytest.mark.parametrize(
    ("head", "complaint"),
    [("  1 WordNet 3.0 Copyright\n", "invalid literal"), ("  1 WordNet 3.1 Copyright\n", "3.0")],
)
def test_files_of_another_form_are_refused(tmp_path: Path, head: str, complaint: str) -> None:
    for pos in ("noun", "verb", "adj", "adv"):
        (tmp_path / f"data.{pos}").write_text(head + "not a number at all, but words and words\n")
    with pytest.raises(ValueError, match=complaint):
        wordnet.build(tmp_path, tmp_path / "index")
