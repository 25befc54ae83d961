"""What the metrics work with besides the two texts."""

from dataclasses import dataclass
from pathlib import Path

from grader_service.settings import FuzzyFunction
from grader_service.similarity import tokens
from grader_service.similarity.data import WORDNET_INDEX
from grader_service.similarity.wordnet import WordNet


@dataclass(frozen=True, slots=True)
class Resources:
    """Loaded data and the one choice that a setting makes; never changes, safe to share between threads."""

    tokenize: tokens.Tokenize
    wordnet: WordNet
    fuzzy_function: FuzzyFunction


def load(folder: Path, fuzzy_function: FuzzyFunction) -> Resources:
    """Load from a folder that `data.fetch` has filled (0.3 s, 10 MB).

    Raises:
        LookupError, OSError, ValueError: the folder is not whole; `data.check` says why.
    """
    return Resources(tokens.load(folder), WordNet(folder / WORDNET_INDEX), fuzzy_function)
