"""Where no texts are compared: the data need not be there."""


class NoSimilarity:
    """Implements `Similarity` for graders that do not compare."""

    async def compare(self, metric: str, hypothesis: str, reference: str) -> float:
        raise AssertionError("these engines were opened for graders that compare no texts")
