"""bleu and gleu: NLTK's own functions, with the smoothing that `azure-ai-evaluation` chooses."""

from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from nltk.translate.gleu_score import sentence_gleu

from grader_service.similarity.resources import Resources


def bleu(resources: Resources, hypothesis: str, reference: str) -> float:
    """Sentence BLEU up to 4-grams, smoothed with method 4 of Chen and Cherry."""
    score = sentence_bleu(
        [resources.tokenize(reference)],
        resources.tokenize(hypothesis),
        smoothing_function=SmoothingFunction().method4,
    )
    return float(score)  # the int 0 where no word is shared


def gleu(resources: Resources, hypothesis: str, reference: str) -> float:
    """Google-BLEU of one sentence: the lesser of n-gram precision and recall."""
    return float(sentence_gleu([resources.tokenize(reference)], resources.tokenize(hypothesis)))
