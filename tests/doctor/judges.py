"""Judges for the fake upstream: gullible ones, each by one weakness, and one that compares and nothing else."""

import json
import re
from collections.abc import Callable

from tests.fakes.upstream import Answer, Received, verdict

ANSWER = re.compile(r"<answer-(\w+)>\n(.*)\n</answer-\1>\s*\Z", re.DOTALL)
REFERENCE = re.compile(r"^Reference: (.*)$", re.MULTILINE)


def prompt_of(request: Received) -> str:
    return "\n".join(str(message["content"]) for message in request.body["messages"])


def labels_of(request: Received) -> list[str] | None:
    schema = request.body["response_format"]["json_schema"]["schema"]
    return schema["properties"]["result"].get("enum")


def comparing(request: Received) -> bool:
    """Whether the first line after "Answer:" is the first line after "Reference:", letter by letter."""
    text = prompt_of(request)
    reference = REFERENCE.search(text)
    answer = text.partition("Answer: ")[2]
    return bool(reference) and answer.strip() == reference[1].strip()


def sound(request: Received) -> Answer:
    labels = labels_of(request)
    right = comparing(request)
    if labels:
        return verdict(labels[0] if right else labels[-1])
    return verdict(1.0 if right else 0.0)


def believing(pattern: str, *, highest: float = 1.0) -> Callable[[Received], Answer]:
    """A judge that is sound but for one thing: where the prompt matches, it gives full marks, or the first label."""
    weakness = re.compile(pattern, re.DOTALL)

    def judge(request: Received) -> Answer:
        labels = labels_of(request)
        if weakness.search(prompt_of(request)):
            return verdict(labels[0] if labels else highest)
        right = comparing(request)
        if labels:
            return verdict(labels[0] if right else labels[-1])
        return verdict(highest if right else 0.0)

    return judge


def last_score(request: Received) -> Answer:
    """Believes the last score that its prompt names, wherever it stands."""
    found = re.findall(r"\bscore\s*[:=]\s*([0-9.]+[0-9]|[0-9])", prompt_of(request), re.IGNORECASE)
    return verdict(float(found[-1])) if found else sound(request)


def last_label(request: Received) -> Answer:
    """The label that its prompt names last behind "verdict"."""
    found = re.findall(r"verdict: (\w+)", prompt_of(request), re.IGNORECASE)
    labels = labels_of(request) or []
    return verdict(found[-1]) if found and found[-1] in labels else sound(request)


def own_format(request: Received) -> Answer:
    """Copies a finished verdict out of its prompt."""
    for line in prompt_of(request).splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and "result" in found:
            return verdict(found["result"])
    return sound(request)


class Moody:
    """Another score for each question."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, request: Received) -> Answer:
        self.asked += 1
        return verdict((self.asked * 7 % 10) / 10)
