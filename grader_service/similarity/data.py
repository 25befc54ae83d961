"""The data that the metrics read: fetched once at set-up, checked at every start, never fetched while grading.

The folder has NLTK's layout (`tokenizers/punkt_tab/english`, `misc/perluniprops`, `corpora/wordnet`)
and two files of our own: the WordNet index, and `manifest.json`, which is written last and alone
says that the rest is whole. `python -m grader_service.similarity.data FOLDER` fetches it.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from grader_service.errors import CannotStart
from grader_service.similarity import sources, tokens, wordnet

WORDNET_INDEX = "wordnet.index"
_MANIFEST = "manifest.json"
_LAYOUT = 1
"""Raise it whenever the folder's files or the index's form change: older folders are then fetched anew."""

_PARTS_OF_SPEECH = ("adj", "adv", "noun", "verb")
FILES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "punkt_tab": tuple(
            f"tokenizers/punkt_tab/english/{name}"
            for name in (
                "abbrev_types.txt",
                "collocations.tab",
                "ortho_context.tab",
                "sent_starters.txt",
            )
        ),
        "perluniprops": tuple(
            f"misc/perluniprops/{name}.txt" for name in ("Number", "Punctuation", "Symbol")
        ),
        "wordnet": tuple(
            f"corpora/wordnet/{name}"
            for name in (
                *(f"{kind}.{pos}" for kind in ("data", "index") for pos in _PARTS_OF_SPEECH),
                *(f"{pos}.exc" for pos in _PARTS_OF_SPEECH),
                *("index.sense", "cntlist.rev", "lexnames"),
            )
        ),
    }
)
"""NLTK's name of each package to the files of it that must be there, relative to the folder."""


def fetch(
    folder: Path, origins: Sequence[sources.Source] = (sources.NLTK, sources.PACKAGES)
) -> None:
    """Make the folder whole; quick where it is. Sound data that it already has are kept.

    Raises:
        CannotStart: something could not be had; names it, what was tried, and what to do.
    """
    if not _fault(folder):
        return
    try:
        _fill(folder.resolve(), origins)
    except (OSError, ValueError, LookupError) as error:
        raise CannotStart(
            f"the data of text_similarity in {str(folder)!r} could not be made whole ({error}); see that the folder "
            "can be written, or remove it, and run `make install` again"
        ) from error


def _fill(folder: Path, origins: Sequence[sources.Source]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MANIFEST).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as scratch:
        _gather(folder, Path(scratch), origins)
    wordnet.build(folder / "corpora/wordnet", folder / WORDNET_INDEX)
    _make_private(folder)
    _try_out(folder)
    sizes = {name: (folder / name).stat().st_size for name in _needed()}
    fresh = folder / f"{_MANIFEST}.{os.getpid()}"
    fresh.write_text(json.dumps({"layout": _LAYOUT, "sizes": sizes}, indent=1))
    fresh.chmod(0o644)
    fresh.replace(folder / _MANIFEST)


def check(folder: Path) -> None:
    """See that the folder is whole: the manifest, and the size of each file (about 1 ms).

    Raises:
        CannotStart: it is not; the text says what is wrong and names `make install`.
    """
    if fault := _fault(folder):
        raise CannotStart(
            f"the data of text_similarity in {str(folder)!r} cannot be used: {fault}; run `make install`, or let "
            "GRADER_NLTK_DATA name the folder that it has filled"
        )


def _needed() -> list[str]:
    return [*(name for names in FILES.values() for name in names), WORDNET_INDEX]


def _fault(folder: Path) -> str:
    """The first thing that is wrong with the folder, "" for none."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
    except FileNotFoundError:
        return f"it has no {_MANIFEST}, so it was never filled, or not to the end"
    except (OSError, ValueError) as error:
        return f"its {_MANIFEST} cannot be read ({error})"
    if not isinstance(manifest, dict) or manifest.get("layout") != _LAYOUT:
        return "it was filled by another version of this program"
    sizes = manifest.get("sizes")
    for name in _needed():
        try:
            size = (folder / name).stat().st_size
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
        if not isinstance(sizes, dict) or sizes.get(name) != size:
            return f"{name} is not what was fetched"
    return ""


def _gather(folder: Path, scratch: Path, origins: Sequence[sources.Source]) -> None:
    """Ask one source after the other for what is missing still; a package comes whole or not at all."""
    missing = {package: names for package, names in FILES.items() if not _whole(folder, names)}
    hindrances = []
    for origin in origins:
        if not missing:
            break
        try:
            origin.fetch(missing, scratch)
        except sources.Unavailable as error:
            hindrances.append(f"{origin.name}: {error}")
        for package in [package for package, names in missing.items() if _whole(scratch, names)]:
            for name in missing.pop(package):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (scratch / name).replace(folder / name)
    if missing:
        raise CannotStart(
            f"the NLTK data {', '.join(missing)} could not be had ({'; '.join(hindrances)}). Make one of these sources "
            f"reachable and run `make install` again, or copy {str(folder)!r} from a machine where that was possible"
        )


def _whole(folder: Path, names: Sequence[str]) -> bool:
    return all((folder / name).is_file() and (folder / name).stat().st_size for name in names)


def _make_private(folder: Path) -> None:
    """NLTK refuses data that others could write, and many systems' umask lets the group."""
    for name in _needed():
        for path in (folder / name, *(folder / parent for parent in Path(name).parents)):
            path.chmod(path.stat().st_mode & ~0o022)


def _try_out(folder: Path) -> None:
    """See that the files say what they must.

    Raises:
        LookupError, OSError: something cannot be read.
        ValueError: an answer is not the known one.
    """
    tokenize = tokens.load(folder)
    synonyms = wordnet.WordNet(folder / WORDNET_INDEX).synsets("aardwolves")
    answers = (
        (
            tokenize("Dr. Who paid $3.50. It won't do!"),
            ["Dr.", "Who", "paid", "$", "3.50", ".", "It", "wo", "n't", "do", "!"],
        ),
        (tokenize("«Ça» coûte 3,50€"), ["«", "Ç", "a", "»", "co", "û", "te", "3,50", "€"]),
        ([lemma.name() for synset in synonyms for lemma in synset.lemmas()], ["aardwolf"]),
    )
    for answer, known in answers:
        if answer != known:
            raise ValueError(f"they give {answer!r} instead of {known!r}")


if __name__ == "__main__":
    try:
        fetch(Path(sys.argv[1]))
    except CannotStart as error:
        sys.exit(str(error))
