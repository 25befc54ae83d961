"""Imports every package of the image and compares its version with `requirements.in`; run while building."""

import importlib
import sys
from importlib.metadata import version
from pathlib import Path

MODULES = {
    "ast-grep-py": "ast_grep_py",
    "pyyaml": "yaml",
    "rouge-score": "rouge_score.rouge_scorer",
    "scikit-bio": "skbio",
    "scikit-learn": "sklearn.ensemble",
    "scipy": "scipy.stats",
    "rdkit": "rdkit.Chem",
    "nltk": "nltk.translate",
}
"""What to import where it is not the distribution's own name."""

CORPORA = (
    "tokenizers/punkt_tab",
    "corpora/stopwords",
    "corpora/wordnet",
    "corpora/omw-1.4",
    "corpora/names",
)
"""NLTK 3.9.1 reads `punkt_tab` where older versions read the pickles of `punkt`."""


def pins() -> dict[str, str]:
    """Distribution to pinned version."""
    lines = Path(__file__).with_name("requirements.in").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def missing_corpora() -> list[str]:
    """Those of `CORPORA` that NLTK does not find."""
    import nltk

    missing = []
    for name in CORPORA:
        try:
            nltk.data.find(name)
        except LookupError:
            try:
                nltk.data.find(f"{name}.zip")
            except LookupError:
                missing.append(name)
    return missing


def main() -> int:
    """Exit status 1 where a package is missing or of another version; corpora are only reported."""
    wrong = 0
    for name, pinned in pins().items():
        importlib.import_module(MODULES.get(name, name))
        if version(name) != pinned:
            wrong += 1
            print(f"{name} is {version(name)}, not {pinned}", file=sys.stderr)
    for corpus in missing_corpora():
        print(f"##### NLTK finds no {corpus} here #####", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
