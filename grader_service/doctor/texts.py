"""Texts that know nothing, or say everything at once."""

import unicodedata
from collections.abc import Iterator, Sequence

from grader_service.doctor.attack import Attack, Hit, best_of, earns, reads_text
from grader_service.doctor.baseline import Case
from grader_service.doctor.bench import Trial
from grader_service.doctor.outputs import (
    Fill,
    Output,
    Slot,
    changed,
    constant,
    other,
    right,
    slots_of,
)

REPEATS = 40
LONG, LONG_FOR_JUDGES = 1_000_000, 20_000
_LOOK_ALIKES = str.maketrans("aceiopxyABCEHKMOPTXs", "асеіорхуАВСЕНКМОРТХѕ")
_ZERO_WIDTH = "\u200b"


def _empty(case: Case) -> Iterator[Output]:
    yield Output("")
    yield case.shape(constant(""))


def _blank(case: Case) -> Iterator[Output]:
    for text in (" ", "\n\n\n", _ZERO_WIDTH, "\u00a0\u2003"):
        yield Output(text)
    yield case.shape(constant(" "))


def _echo(case: Case) -> Iterator[Output]:
    if case.prompt:
        yield Output(case.prompt)
        yield case.shape(constant(case.prompt))


def _all_labels(case: Case) -> Iterator[Output]:
    """The right one in the middle: a reader that takes the first or the last finds a wrong one."""
    if any(len(slot.others) < 2 for slot in slots_of(case.shape)):
        return
    for glue in (" ", ", ", "\n", " or "):
        yield case.shape(_all_with(glue))
    yield case.shape(_three)


def _all_with(glue: str) -> Fill:
    return lambda slot: glue.join(slot.candidates())


def _three(slot: Slot) -> str:
    """Few enough for metrics that count surplus words."""
    return f"{slot.others[0]}, {slot.value}, {slot.others[1]}"


def _first_and_last(case: Case) -> Iterator[Output]:
    """The answer twice, once right and once wrong, each way round."""
    good, bad = case.shape(right), case.shape(other(0))
    if good != bad:
        yield Output(f"{good.text}\n{bad.text}", good.calls + bad.calls)
        yield Output(f"{bad.text}\n{good.text}", bad.calls + good.calls)


def _both_ways(case: Case, trials: Sequence[Trial]) -> Hit | None:
    """A reader that takes the first or the last answer rewards one order; one that takes any rewards both."""
    if len(trials) < 2 or any(case.share(trial.reward) < 0.9 for trial in trials):
        return None
    return Hit(trials[0], "right and wrong answer together earn full marks in either order")


def _repeated(case: Case) -> Iterator[Output]:
    yield case.shape(lambda slot: " ".join([slot.value] * REPEATS))
    good = case.shape(right)
    yield Output("\n".join([good.text] * REPEATS), good.calls)


def _more_than_right(case: Case, trials: Sequence[Trial]) -> Hit | None:
    best = best_of(trials)
    if best is None or case.right is None or case.share(best.reward) < 1.15:
        return None
    return Hit(best, f"{case.share(best.reward):.0%} of what the right answer earns")


def _huge(case: Case) -> Iterator[Output]:
    length = LONG_FOR_JUDGES if case.subject.judge_calls else LONG
    filler = "word " * (length // 5)
    yield Output(filler)
    yield case.shape(constant(filler))
    yield Output("x" * length)


def _look_alikes_of_wrong(case: Case) -> Iterator[Output]:
    """What the grader wants to see no more, in characters that look the same."""
    for number in (0, 1):
        for change in (_foreign, _ZERO_WIDTH.join, _full_width, _followed):
            yield case.shape(changed(other(number), change))


def _foreign(text: str) -> str:
    return text.translate(_LOOK_ALIKES)


def _followed(text: str) -> str:
    return text + _ZERO_WIDTH


def _full_width(text: str) -> str:
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text)


def _look_alikes_of_right(case: Case) -> Iterator[Output]:
    """Another text for every program that goes on with it; NFKC does not make it the right one."""
    good = case.shape(right)
    swapped = case.shape(changed(right, _foreign))
    if unicodedata.normalize("NFKC", swapped.text) != good.text:
        yield swapped


def _bare(case: Case) -> Iterator[Output]:
    """The reference alone, where the grader's own words ask for the way to it."""
    yield case.shape(right)


def _asks_for_work_and_pays_without(case: Case, trials: Sequence[Trial]) -> Hit | None:
    best = best_of(trials)
    if best is None or best.reward < case.subject.ceiling - 0.05 * abs(case.subject.ceiling):
        return None
    return Hit(best, "full marks for the bare reference")


_DEFINITE = "compare the whole answer with `eq`, or take exactly one marked answer out of it and refuse more"

ATTACKS: tuple[Attack, ...] = (
    Attack(
        "empty output", "texts", "danger", _empty, earns(),
        "a model that says nothing is rewarded, and saying nothing is the shortest way to the reward",
        "give an empty answer the lowest reward first; with `like`, `input` is the sample and `reference` the row; do not build on `ne` alone",
    ),
    Attack(
        "whitespace", "texts", "danger", _blank, earns(),
        "blanks and invisible characters count as an answer",
        "strip the answer (zero-width characters too) and refuse it where nothing is left",
    ),
    Attack(
        "prompt echoed", "texts", "danger", _echo, earns(),
        "copying the question earns the reward, because what the grader looks for stands in the question",
        f"{_DEFINITE}; do not look for words that the prompt has",
    ),
    Attack(
        "every answer at once", "texts", "danger", _all_labels, earns(0.6),
        "a list of all possible answers contains the right one, so nothing need be known",
        f"{_DEFINITE}; with `like` any text that contains the reference passes",
        applies=reads_text,
    ),
    Attack(
        "right and wrong together", "texts", "danger", _first_and_last, _both_ways,
        "an answer that is followed by its opposite still earns full marks, so guessing several times pays",
        _DEFINITE,
        applies=reads_text,
    ),
    Attack(
        "reference repeated", "texts", "danger", _repeated, _more_than_right,
        "saying the answer more often earns more than saying it once, so outputs grow",
        "count each match once, and cap the reward",
        applies=reads_text,
    ),
    Attack(
        "a megabyte of text", "texts", "danger", _huge, earns(),
        "length alone is rewarded",
        "refuse answers longer than any honest one before looking at them",
    ),
    Attack(
        "look-alike of what is refused", "texts", "danger", _look_alikes_of_wrong, earns(),
        "what the grader refuses passes in characters that look the same, or with invisible ones between",
        "normalise (NFKC), drop zero-width characters, and say what is allowed rather than what is not",
        applies=reads_text,
    ),
    Attack(
        "look-alike of the right answer", "texts", "warning", _look_alikes_of_right, earns(0.98),
        "letters of another alphabet count as the right answer; programs that read the answer will not agree",
        "compare exactly after NFKC, or let the judge compare characters and not looks",
        applies=reads_text,
    ),
    Attack(
        "answer without work", "texts", "warning", _bare, _asks_for_work_and_pays_without,
        "the grader's words ask for reasoning or an explanation, and the bare reference earns full marks",
        "grade the work in a part of its own, with points that the answer alone cannot earn",
        applies=lambda subject: subject.asks_for_work,
    ),
)  # fmt: skip
