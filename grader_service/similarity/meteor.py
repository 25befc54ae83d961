"""meteor: NLTK's own function, over the compact WordNet."""

from nltk.translate.meteor_score import meteor_score

from grader_service.similarity.resources import Resources


def meteor(resources: Resources, hypothesis: str, reference: str) -> float:
    """METEOR with the parameters of `azure-ai-evaluation`: exact words, then stems, then synonyms."""
    score = meteor_score(
        [resources.tokenize(reference)],
        resources.tokenize(hypothesis),
        wordnet=resources.wordnet,
        alpha=0.9,
        beta=3.0,
        gamma=0.5,
    )
    return float(score)
