"""What the rewards themselves look like: constant, saturated, out of range, bought by length or by form."""

from collections.abc import Iterator, Sequence

from grader_service.doctor.answers import unescaped
from grader_service.doctor.attack import Attack, Hit, best_of, differs, nothing, reads_text
from grader_service.doctor.baseline import PROSE, SAME, Case
from grader_service.doctor.bench import Trial
from grader_service.doctor.outputs import Output, changed, constant, other, right
from grader_service.doctor.subject import Subject

FEW_WORDS, MANY_WORDS = 30, 1500
SANE = 10.0
ENOUGH = 6
"""Different outputs, before rewards that are all the same mean something."""
SLOW_SECONDS = 3.0
_CRASHES = frozenset(
    {"source_raised", "bad_return_value", "process_killed", "memory_limit", "formula_undefined"}
)
_PADDING = "Moreover, it should be said that careful thought was given to this matter. "
_HEADINGS = "## Step\n\n- **First**, we look closely.\n- **Therefore**, it follows.\n\n"


def _constant(case: Case, trials: Sequence[Trial]) -> Hit | None:
    """Everything, right, wrong and empty, earned the same; 0 only where the right answer is known for sure."""
    graded = [trial for trial in (*case.honest, *trials) if trial.result.state == "value"]
    rewards = {trial.reward for trial in graded}
    if len({trial.output for trial in graded}) < ENOUGH or max(rewards) - min(rewards) > SAME:
        return None
    if graded[0].reward <= SAME and not case.certain and len(case.row.samples) < ENOUGH:
        return None
    return Hit(graded[0], f"{len(graded)} different outputs all earned {graded[0].reward:g}")


def _saturated(case: Case, trials: Sequence[Trial]) -> Hit | None:
    """A wrong answer in the right form earns nearly as much as the right one; trials are the wrong ones."""
    known = [trial for trial in trials if trial.result.state == "value"]
    if case.right is None or not known or case.right <= SAME:
        return None
    wrong = sorted(known, key=lambda trial: trial.reward)[len(known) // 2]
    if wrong.reward < 0.7 * case.right:
        return None
    return Hit(wrong, f"a wrong answer earns {wrong.reward:g}, the right one {case.right:g}")


def _wrong_ones(case: Case) -> Iterator[Output]:
    for number in range(3):
        yield case.shape(other(number))


def _unreachable(case: Case, trials: Sequence[Trial]) -> Hit | None:
    """The reference itself, in the place where it is compared, earns less than half of full marks."""
    best = best_of(trials)
    if not case.certain or best is None or best.reward >= 0.5 * case.subject.ceiling:
        return None
    return Hit(best, f"the reference itself earns {best.reward:g}")


def _right_one(case: Case) -> Iterator[Output]:
    yield case.shape(right)


def _out_of_range(case: Case, trials: Sequence[Trial]) -> Hit | None:
    limit = max(SANE, *map(abs, case.subject.highest_scores), abs(case.subject.ceiling))
    worst = max(
        (trial for trial in (*case.honest, *trials) if not trial.failed),
        key=lambda trial: abs(trial.reward),
        default=None,
    )
    if worst is None or abs(worst.reward) <= limit:
        return None
    return Hit(worst, f"a reward of {worst.reward:g}")


def _not_finite(_case: Case, trials: Sequence[Trial]) -> Hit | None:
    for trial in trials:
        if "bad_return_value" in trial.kinds:
            return Hit(trial, trial.why[:160])
    return None


def _crash(_case: Case, trials: Sequence[Trial]) -> Hit | None:
    for trial in trials:
        if trial.kinds & (_CRASHES - {"bad_return_value"}):
            return Hit(trial, f"no reward: {trial.why.strip().splitlines()[-1][:160]}")
    return None


def _failing_pays(case: Case, trials: Sequence[Trial]) -> Hit | None:
    """`invalid_grade` above what a wrong answer earns."""
    invalid = [trial for trial in trials if trial.result.state == "invalid"]
    best = best_of(invalid)
    if best is None or case.share(best.reward) < 0.3:
        return None
    return Hit(best, f"an output that cannot be graded earns {best.reward:g}")


def _slow(_case: Case, trials: Sequence[Trial]) -> Hit | None:
    for trial in trials:
        if trial.kinds & {"time_limit", "text_too_slow", "memory_limit"}:
            return Hit(trial, f"no end after {trial.result.seconds:.0f} s")
    quick = sorted(trial.result.seconds for trial in trials)[len(trials) // 2] if trials else 0.0
    slowest = max(trials, key=lambda trial: trial.result.seconds, default=None)
    if slowest is None or slowest.result.seconds < max(SLOW_SECONDS, 20 * quick):
        return None
    return Hit(slowest, f"{slowest.result.seconds:.1f} s, others take {quick:.2f} s")


def _pumps(case: Case) -> Iterator[Output]:
    """What makes regular expressions and parsers go back: long runs that end wrong."""
    openings = {
        "",
        *(unescaped(pattern.split("(")[0]) for pattern in case.subject.facts.patterns[:4]),
    }
    for opening in sorted(openings):
        for run in (
            "a" * 40,
            "1" * 40,
            " " * 40,
            "a " * 30,
            "1," * 30,
            "a" * 40_000,
            " " * 40_000,
            "1" * 40_000,
        ):
            yield Output(f"{opening}{run}!")
    for run in (
        "(" * 20_000,
        "[" * 100_000,
        "<answer>" * 20_000,
        "\\boxed{" * 20_000,
        '{"a":' * 20_000,
        "9**9" * 3,
    ):
        yield Output(run)
    yield Output("9" * 5000)


def _padded(case: Case) -> Iterator[Output]:
    for unit in (_PADDING, _HEADINGS):
        for words in (FEW_WORDS, MANY_WORDS):
            padding = unit * (words // len(unit.split()))
            yield case.shape(changed(other(0), padding.__add__))
            yield Output(padding)


def _longer_is_better(case: Case, trials: Sequence[Trial]) -> Hit | None:
    """Text without content lifts a wrong answer."""
    best = best_of(trials)
    if best is None or max(case.share(best.reward), 0.0) < 0.3:
        return None
    return Hit(best, f"a wrong answer earns {case.wrong:g}, with padding {best.reward:g}")


def _right_and_padding(case: Case) -> Iterator[Output]:
    for unit in (_PADDING, _HEADINGS):
        padding = unit * (MANY_WORDS // len(unit.split()))
        good = case.shape(right)
        yield Output(f"{padding}\n{good.text}", good.calls)
        yield case.shape(changed(right, padding.__add__))


def _padding_beats_right(case: Case, trials: Sequence[Trial]) -> Hit | None:
    best = best_of(trials)
    if best is None or case.right is None or case.share(best.reward) < 1.1:
        return None
    return Hit(best, f"the right answer earns {case.right:g}, with padding {best.reward:g}")


def _forms(case: Case) -> Iterator[Output]:
    """The form of an answer with nothing in it, and words that the grader may look for."""
    for text in ("", "x", "?", "...", "N/A"):
        yield case.shape(constant(text))
    yield Output("<think></think><answer></answer>")
    yield Output("<reasoning>\n\n</reasoning>\n<answer>\n\n</answer>")
    yield Output("\\boxed{}")
    yield Output("```python\n```")
    tags = case.subject.facts.tags
    if tags:
        yield Output("\n".join(f"<{tag}></{tag}>" for tag in tags))
    for text in case.subject.constants:
        yield case.shape(constant(text))
    words = [word for word in case.subject.facts.words if word.casefold() not in _right_words(case)]
    if words:
        yield Output(" ".join(words))


def _right_words(case: Case) -> set[str]:
    return {trial.output.text.casefold() for trial in case.honest if trial.output != PROSE}


def _form_pays(case: Case, trials: Sequence[Trial]) -> Hit | None:
    best = best_of(trials)
    if best is None or case.gain(best.reward) < 0.3 or not differs(best.reward, case.floor):
        return None
    return Hit(best, f"{case.gain(best.reward):.0%} of full marks without an answer")


def computes(subject: Subject) -> bool:
    """Code that does more with the output than run it."""
    return subject.opaque and reads_text(subject)


ATTACKS: tuple[Attack, ...] = (
    Attack(
        "wrong answers", "rewards", "danger", _wrong_ones, _saturated,
        "right and wrong answers earn nearly the same, so training has nothing to go by and the form alone is learnt",
        "spread the rewards: give wrong answers little, and take constant terms out of the formula",
    ),
    Attack(
        "the right answer", "rewards", "warning", _right_one, _unreachable,
        "not even the reference itself earns full marks: nothing that the model can learn does",
        "grade the reference by hand (`grader-service run`); n-gram metrics need texts of several (Latin) words, `eq` needs the same spelling",
    ),
    Attack(
        "format without an answer", "rewards", "warning", _forms, _form_pays,
        "an empty answer in the right form, or a list of words that the grader looks for, collects part of the reward for ever",
        "multiply form with correctness in place of adding them, and look for an answer, not for words",
    ),
    Attack(
        "padding a wrong answer", "rewards", "danger", _padded, _longer_is_better,
        "long or well formatted text without content is rewarded, so outputs grow",
        "do not let length, headings or connecting words count",
        applies=reads_text,
    ),
    Attack(
        "padding the right answer", "rewards", "warning", _right_and_padding, _padding_beats_right,
        "the right answer earns more with empty text around it, so outputs grow",
        "do not let length count beyond the shortest complete answer",
        applies=reads_text,
    ),
    Attack(
        "pumped text", "rewards", "danger", _pumps, _slow,
        "some texts keep the grader busy to its time limit; a model that finds them stops the training",
        "refuse long answers first; write patterns without nested or neighbouring repeats (`(a+)+`, `\\s*…\\s*$`), use possessive `*+`",
        applies=computes,
        confirmed=True,
    ),
    Attack(
        "constant reward", "rewards", "danger", nothing, _constant,
        "every output earns the same: there is nothing to learn",
        "check that the grader reads the sample, and that what it compares with is in the row",
        watches=True,
    ),
    Attack(
        "reward out of range", "rewards", "warning", nothing, _out_of_range,
        "some outputs earn so much (or so little) that they outweigh all others of a batch",
        "clip the result, for example to 0 … 1",
        watches=True,
    ),
    Attack(
        "no finite number", "rewards", "warning", nothing, _not_finite,
        "an output makes the grader return NaN, infinity or no number: it gets no grade",
        "return a finite number on every path; look for division by zero and empty lists",
        watches=True,
    ),
    Attack(
        "crash", "rewards", "warning", nothing, _crash,
        "a simple output breaks the grader: too many errors end a hosted job, and the sample counts as invalid, not as wrong",
        "check what the sample holds before using it, and return the lowest reward for what has the wrong form",
        watches=True,
    ),
    Attack(
        "failing on purpose", "rewards", "danger", nothing, _failing_pays,
        "what cannot be graded earns more than a wrong answer, so the model learns to break the grader",
        "set `invalid_grade` to the lowest reward, and catch faults of the sample in the source as such",
        watches=True,
    ),
)  # fmt: skip
