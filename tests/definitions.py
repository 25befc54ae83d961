"""One grader of every kind, and one request body, to start from."""

from typing import Any

STRING_CHECK: dict[str, Any] = {
    "type": "string_check",
    "name": "capital",
    "operation": "eq",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
}
TEXT_SIMILARITY: dict[str, Any] = {
    "type": "text_similarity",
    "name": "near",
    "evaluation_metric": "fuzzy_match",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
}
PYTHON: dict[str, Any] = {
    "type": "python",
    "name": "code",
    "source": "def grade(sample, item):\n    return float(sample['output_text'] == item['answer'])\n",
}
SCORE_MODEL: dict[str, Any] = {
    "type": "score_model",
    "name": "judge",
    "model": "gpt-4o-2024-08-06",
    "input": [{"role": "user", "content": "How good is {{sample.output_text}}?"}],
}
LABEL_MODEL: dict[str, Any] = {
    "type": "label_model",
    "name": "label",
    "model": "gpt-4o-2024-08-06",
    "input": [{"role": "user", "content": "Is {{sample.output_text}} polite?"}],
    "labels": ["polite", "rude"],
    "passing_labels": ["polite"],
}
ENDPOINT: dict[str, Any] = {
    "type": "endpoint",
    "name": "remote",
    "url": "https://scorer.example/grade",
    "headers": {"X-Functions-Key": "planted-secret"},
}
MULTI: dict[str, Any] = {
    "type": "multi",
    "name": "both",
    "graders": {"exact": STRING_CHECK, "near": TEXT_SIMILARITY},
    "calculate_output": "0.5 * exact + 0.5 * near",
}
EVERY: dict[str, dict[str, Any]] = {
    grader["type"]: grader
    for grader in (STRING_CHECK, TEXT_SIMILARITY, PYTHON, SCORE_MODEL, LABEL_MODEL, ENDPOINT, MULTI)
}
ITEM: dict[str, Any] = {"answer": "Paris"}


def body(grader: dict[str, Any], sample: str = "Paris", **more: Any) -> dict[str, Any]:
    """A run request; `item` is the usual one unless it is given."""
    return {"grader": grader, "model_sample": sample, "item": ITEM, **more}
