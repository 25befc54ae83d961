"""What became of a request: every one has exactly one of these."""

import math
from typing import Any, Literal, get_args

import orjson

Outcome = Literal["right", "shed", "failed", "refused", "lost", "wrong"]
"""right: the known reward. shed: 429 with Retry-After. failed: an error of the service's own, by name, and no score.
refused: nobody took the connection. lost: it was sent, and no whole answer came. wrong: any other answer."""
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

OURS = ("python_grader_server_error", "model_grader_server_error", "other_error")
"""Keys of `metadata.errors` that say that the service could not grade; the others speak of the sample or the grader."""


def outcome_of(head: bytes, body: bytes, wanted: float, request_id: bytes) -> tuple[Outcome, int]:
    """The outcome that an answer is, and its status."""
    status = int(head[9:12])
    headers = head.lower()
    if b"x-request-id: " + request_id not in headers:
        return "wrong", status
    if status == 200:
        return _graded(orjson.loads(body), wanted), status
    will_pass = b"\r\nretry-after: " in headers
    if status == 429 and will_pass:
        return "shed", status
    return ("failed" if status == 503 and will_pass else "wrong"), status


def _graded(answer: dict[str, Any], wanted: float) -> Outcome:
    if "reward" not in answer:  # the catalogue's face
        right = answer["valid"] and math.isclose(answer["score"], wanted, rel_tol=1e-12)
        return "right" if right else "wrong"
    raised = {name for name, value in answer["metadata"]["errors"].items() if value is True}
    if raised:
        return "failed" if raised <= {*OURS} and answer["reward"] == 0 else "wrong"
    return "right" if math.isclose(answer["reward"], wanted, rel_tol=1e-12) else "wrong"
