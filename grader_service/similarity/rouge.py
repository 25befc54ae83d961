"""rouge_1 to rouge_5 and rouge_l: the F-measure of the library rouge-score, without its stemmer.

rouge_n is the library's. Its rouge_l fills a table in Python, cell by cell, in 1 s for two texts of
2,000 words; rapidfuzz finds the same length of the longest common subsequence bit-parallel.
"""

from collections.abc import Callable

from rapidfuzz.distance import LCSseq
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.scoring import fmeasure
from rouge_score.tokenizers import DefaultTokenizer


def rouge_n(n: int) -> Callable[[str, str], float]:
    """The metric that compares runs of n words, n from 1 to 9."""
    kind = f"rouge{n}"

    def metric(hypothesis: str, reference: str) -> float:
        scorer = RougeScorer([kind], tokenizer=DefaultTokenizer())
        return float(scorer.score(reference, hypothesis)[kind].fmeasure)

    return metric


def rouge_l(hypothesis: str, reference: str) -> float:
    """The longest common subsequence of words, against both lengths."""
    tokenize = DefaultTokenizer().tokenize
    predicted, target = tokenize(hypothesis), tokenize(reference)
    if not predicted or not target:
        return 0.0
    common = longest_common_subsequence(predicted, target)
    return float(fmeasure(common / len(predicted), common / len(target)))


def longest_common_subsequence(first: list[str], second: list[str]) -> int:
    """The length in words.

    Each distinct word becomes one character, so words are compared for equality and not by their
    hashes, which is what rapidfuzz would do. Words that only `second` has share one character.
    """
    alphabet = {word: chr(number) for number, word in enumerate(dict.fromkeys(first), start=1)}
    return LCSseq.similarity(
        "".join(alphabet[word] for word in first),
        "".join(alphabet.get(word, "\0") for word in second),
    )
