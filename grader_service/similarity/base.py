"""The seam between the text_similarity grader and the metrics behind it."""

from typing import Protocol


class Similarity(Protocol):
    """Compares two texts; safe to call concurrently, and never blocks the event loop for long."""

    async def compare(self, metric: str, hypothesis: str, reference: str) -> float:
        """One of `METRICS` of `similarity/metrics.py` by its wire name, 0.0 to 1.0.

        Raises:
            TextTooLarge, TextTooSlow: these texts cannot be compared within the limits.
            WorkersUnavailable: the process that compares long texts could not be had.
        """
        ...
