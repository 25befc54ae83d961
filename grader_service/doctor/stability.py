"""The same answer again, and the same answer in other clothes."""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from grader_service.doctor.attack import Attack, Hit, differs, nothing, reads_text
from grader_service.doctor.baseline import Case
from grader_service.doctor.bench import Trial
from grader_service.doctor.outputs import Output, changed, right
from grader_service.doctor.subject import Subject

AGAIN = 4
_ANY_ORDER = re.compile(
    r"\b(?:any order|order (?:does not|doesn't) matter|regardless of (?:the |their )?order|unordered)\b",
    re.IGNORECASE,
)
JITTER = 0.1
"""A judge may differ by this share of full marks: it samples."""


def _same(case: Case) -> Iterator[Output]:
    yield case.shape(right)
    yield case.wrong_output()


def _varies(case: Case, trials: Sequence[Trial]) -> Hit | None:
    allowed = JITTER * abs(case.full - case.floor) if case.subject.judge_calls else 0.0
    for output in dict.fromkeys(trial.output for trial in trials):
        rewards = [trial.reward for trial in trials if trial.output == output and not trial.failed]
        if (
            rewards
            and differs(max(rewards), min(rewards))
            and max(rewards) - min(rewards) > allowed
        ):
            shown = ", ".join(f"{reward:g}" for reward in rewards)
            first = next(trial for trial in trials if trial.output == output)
            return Hit(first, f"the same output earned {shown}")
    return None


def _chance(case: Case, trials: Sequence[Trial]) -> Hit | None:
    """The sandbox seeds `random` alike for each grade, so that no repetition shows it."""
    names = case.subject.facts.chance
    return (
        Hit(trials[0], f"the source calls {', '.join(names)[:80]} without a seed")
        if names
        else None
    )


def _blanks(case: Case) -> Iterator[Output]:
    good = case.shape(right)
    for text in (
        f"{good.text}\n",
        f" {good.text}",
        f"{good.text}  \n\n",
        good.text.replace("\n", "\r\n"),
    ):
        yield Output(text, good.calls)


def _layouts(case: Case) -> Iterator[Output]:
    """The same JSON value: keys in another order, other blanks, other escapes."""
    good = case.shape(right)
    try:
        document = json.loads(good.text)
    except ValueError:
        return
    if isinstance(document, dict):
        yield _like(good, json.dumps(dict(reversed(document.items())), ensure_ascii=False))
    if isinstance(document, dict | list):
        yield _like(good, json.dumps(document, indent=4))
        yield _like(good, json.dumps(document, separators=(",", ":")))


def _argument_layouts(case: Case) -> Iterator[Output]:
    """The same arguments of tool calls: keys in another order, other blanks."""
    good = case.shape(right)
    if not good.calls:
        return
    for reverse, separators in ((True, None), (False, (",", ":"))):
        calls = []
        for call in good.calls:
            try:
                arguments = json.loads(call.arguments)
            except ValueError:
                return
            if reverse and isinstance(arguments, dict):
                arguments = dict(reversed(arguments.items()))
            calls.append(type(call)(call.name, json.dumps(arguments, separators=separators)))
        yield Output(good.text, tuple(calls))


def _like(good: Output, text: str) -> Output:
    return Output(text, good.calls)


def _compositions(case: Case) -> Iterator[Output]:
    """The same characters, composed and decomposed."""
    good = case.shape(right)
    for form in ("NFC", "NFD"):
        yield Output(unicodedata.normalize(form, good.text), good.calls)


def _loses(case: Case, trials: Sequence[Trial]) -> Hit | None:
    """The right answer fell below half of what it earns as the grader likes it best."""
    graded = [trial for trial in trials if not trial.failed]
    if case.right is None or not graded:
        return None
    worst = min(graded, key=lambda trial: trial.reward)
    if case.share(worst.reward) > 0.5:
        return None
    return Hit(worst, f"the right answer earns {case.right:g}, so written {worst.reward:g}")


def _cases(case: Case) -> Iterator[Output]:
    """The values alone: keys and marks around them belong to the form."""
    for change in (str.upper, str.lower):
        if case.shape(changed(right, change)) != case.shape(right):
            yield case.shape(changed(right, change))


def _elements(case: Case) -> Iterator[Output]:
    """Lists of the right answer from back to front: JSON arrays, and values between commas."""
    good = case.shape(right)
    turned = case.shape(changed(right, _turned))
    if turned.text != good.text:
        yield Output(turned.text, good.calls)
    try:
        document = json.loads(good.text)
    except ValueError:
        return
    yield Output(json.dumps(_reversed(document), ensure_ascii=False), good.calls)


def _turned(text: str) -> str:
    parts = [part.strip() for part in text.split(",")]
    if text[:1] in ("[", "{"):
        return text
    return ", ".join(reversed(parts)) if all(0 < len(part) <= 40 for part in parts) else text


def _reversed(value: Any) -> Any:
    if isinstance(value, list):
        return [_reversed(each) for each in reversed(value)]
    if isinstance(value, dict):
        return {key: _reversed(each) for key, each in value.items()}
    return value


def _free_elements(case: Case) -> Iterator[Output]:
    if _says_free(case):
        yield from _elements(case)


def _fixed_elements(case: Case) -> Iterator[Output]:
    if not _says_free(case):
        yield from _elements(case)


def _says_free(case: Case) -> bool:
    return any(_ANY_ORDER.search(text) for text in (case.prompt, *case.subject.judge_texts))


def is_exact_by_design(subject: Subject) -> bool:
    """`eq` on the text as a whole says that blanks count."""
    return any(
        comparison.kind == "eq" and not comparison.variable.is_output_json
        for comparison in subject.comparisons
    )


def is_lenient(subject: Subject) -> bool:
    return reads_text(subject) and not is_exact_by_design(subject)


def has_chance(subject: Subject) -> bool:
    return bool(subject.facts.chance)


ATTACKS: tuple[Attack, ...] = (
    Attack(
        "the same output again", "stability", "danger", _same, _varies,
        "the reward depends on chance: training follows noise, and trying again pays",
        "make the grader depend on sample and item alone; give a judge temperature 0 and a seed, or ask it several times and average",
        again=AGAIN,
    ),
    Attack(
        "random numbers in the source", "stability", "warning", nothing, _chance,
        "this sandbox seeds them alike for each grade, the hosted one does not: there rewards differ from run to run",
        "seed a generator from the item (`random.Random(...)`), or do without",
        applies=has_chance, watches=True,
    ),
    Attack(
        "blanks around the right answer", "stability", "warning", _blanks, _loses,
        "an honest answer loses its reward by a line break at its end, so training punishes what is right",
        "strip both sides before comparing",
        applies=is_lenient,
    ),
    Attack(
        "the same JSON, written otherwise", "stability", "warning", _layouts, _loses,
        "the order of keys, blanks or escapes decide over the reward of one and the same answer",
        "parse the answer (`sample.output_json`) and compare values",
        applies=reads_text,
    ),
    Attack(
        "the same arguments, written otherwise", "stability", "warning", _argument_layouts, _loses,
        "the order of keys or blanks in a tool call's arguments decide over its reward",
        "compare parsed arguments, or single ones (`…function.arguments.city`)",
        applies=reads_text,
    ),
    Attack(
        "composed and decomposed characters", "stability", "warning", _compositions, _loses,
        "the same accented letters in another Unicode form lose the reward",
        "normalise both sides to NFC before comparing",
        applies=is_lenient,
    ),
    Attack(
        "elements in another order", "stability", "warning", _free_elements, _loses,
        "the task says that the order does not matter, and the grader takes one order alone",
        "compare sets, or sort both sides",
        applies=reads_text,
    ),
    Attack(
        "order of elements", "stability", "note", _fixed_elements, _loses,
        "the elements of a list count in one order alone", "",
        applies=reads_text,
    ),
    Attack(
        "blanks", "stability", "note", _blanks, _loses,
        "`eq` takes a line break at the end of a right answer for a wrong one", "",
        applies=is_exact_by_design,
    ),
    Attack(
        "letter case", "stability", "note", _cases, _loses,
        "the right answer in other letter case loses its reward", "",
        applies=reads_text,
    ),
)  # fmt: skip
