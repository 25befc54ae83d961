"""Bucket borders, in seconds and in rewards."""

SECONDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    *(0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
REWARDS = (-1, -0.5, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1, 2, 3, 4, 5, 10)
"""Most rewards lie in 0 to 1; some graders give 0 to 5, or -1 (grader-api §4.3)."""
