"""Outputs for graders that execute what the model wrote: programs and expressions that solve nothing."""

import json
import keyword
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from grader_service.doctor import programs
from grader_service.doctor.attack import Attack, Hit, best_of, earns
from grader_service.doctor.baseline import Case
from grader_service.doctor.bench import Trial
from grader_service.doctor.outputs import Output, constant
from grader_service.doctor.subject import Subject
from grader_service.doctor.values import text_of

MAX_NAMES = 24
_CALLED = re.compile(r"\b([A-Za-z_]\w{0,40})\s*\(")
_PATH = re.compile(r"[\w./-]{1,80}\.(?:json|txt|xml|log|out|score)")
_SAME_OBJECT = "type('Same', (), {'__eq__': lambda s, o: True, '__sub__': lambda s, o: 0, '__rsub__': lambda s, o: 0, '__float__': lambda s: 1.0})()"
_POWERS = "9**9**9"
_EXIT = (
    "__import__('os')._exit(0)",
    "[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == '_wrap_close'][0].__init__.__globals__['_exit'](0)",
)


def _in_forms(case: Case, sources: Iterable[str]) -> Iterator[Output]:
    """Bare, in a fence, and where the grader's own form wants the answer."""
    for source in sources:
        if any("```" in text for text in case.subject.facts.strings):
            yield Output(f"```python\n{source}\n```")
        else:
            yield Output(source)
        yield case.shape(constant(source))
        yield from _in_guessed_forms(case, source)


def _in_guessed_forms(case: Case, source: str) -> Iterator[Output]:
    """Where no right answer shows the form: in the tags and under the keys that the grader's source names."""
    facts = case.subject.facts
    if case.right is None and facts.tags:
        yield Output(f"<{facts.tags[-1]}>{source}</{facts.tags[-1]}>")
    if case.right is None and facts.reads_json and facts.keys:
        yield Output(json.dumps(dict.fromkeys(facts.keys, source)))


def _programs(make: Callable[[Case], Iterable[str]]) -> Callable[[Case], Iterator[Output]]:
    def probes(case: Case) -> Iterator[Output]:
        yield from dict.fromkeys(_in_forms(case, make(case)))

    return probes


def _names(case: Case) -> list[str]:
    """Functions that tests may call: those that row, prompt and source speak of."""
    texts = [text_of(value) for value in case.item.values()]
    called = [name for text in texts for name in _CALLED.findall(text)]
    named = [text for text in (*texts, *case.subject.facts.strings) if text.isidentifier()]
    usual = ["solve", "solution", "main", "f", "add", "run", "answer"]
    unique = dict.fromkeys([*named, *called, *usual])
    return [name for name in unique if not keyword.iskeyword(name) and name != "print"][:MAX_NAMES]


def _printed(case: Case) -> list[str]:
    """Marks of success: the usual ones, and those that the grader's source spells."""
    facts = case.subject.facts
    own = [text for text in facts.strings if 0 < len(text) <= 60 and text not in facts.item_keys]
    return [*programs.TESTS_PASSED, *own[:60]]


def _leave(case: Case) -> Iterable[str]:
    return (*programs.LEAVE, _idle(case) + programs.LEAVE[0])


def _print(case: Case) -> Iterable[str]:
    printed = _printed(case)
    return (
        programs.prints(printed),
        programs.prints_and_leaves(printed),
        *(programs.prints([text]) for text in printed[:3]),
    )


def _same(case: Case) -> Iterable[str]:
    return (programs.everything_same(_names(case)), _SAME_OBJECT)


def _patch(case: Case) -> Iterable[str]:
    """Each with functions that do nothing, for graders that call one by its name."""
    idle = _idle(case)
    return (
        idle + programs.PATCH_ALL,
        idle + programs.PATCH_COUNTS,
        idle + programs.PATCH_FLOAT,
        idle + programs.PATCH_UNITTEST,
        idle + programs.SHADOW_GLOBALS,
    )


def _idle(case: Case) -> str:
    return "".join(f"def {name}(*a, **k): return 1\n" for name in _names(case))


def _frames(case: Case) -> Iterable[str]:
    idle = _idle(case)
    return idle + programs.CHANGE_ITEM, idle + programs.EMPTY_TESTS, idle + programs.SET_LOCALS


def _read(case: Case) -> Iterable[str]:
    return (programs.READ_OWN_FILE,)


def _results(case: Case) -> Iterable[str]:
    paths = [path for text in case.subject.facts.strings for path in _PATH.findall(text)]
    usual = [
        "result.json",
        "results.json",
        "report.xml",
        "score.txt",
    ]
    return (programs.writes_results([*dict.fromkeys([*paths, *usual])][:30]),)


def _reaches_item(case: Case) -> Iterator[str]:
    """Expressions that name what `eval` can see where it stands."""
    if not evaluates(case.subject):
        return
    keys = case.subject.facts.item_keys or tuple(case.item)
    for key in keys[:6]:
        for form in ("item[{!r}]", "float(item[{!r}])", "str(item[{!r}])"):
            yield form.format(key)
    yield from ("target", "expected", "answer", "reference", "gold")


def _endless(case: Case) -> Iterable[str]:
    return (_POWERS if evaluates(case.subject) else programs.LOOP,)


def _exits(case: Case) -> Iterable[str]:
    return (programs.LEAVE[0], *_EXIT)


def _killed(_case: Case, trials: Sequence[Trial]) -> Hit | None:
    """`os._exit` of the output ended the grade itself: they are one process."""
    for trial in trials:
        if "process_killed" in trial.kinds:
            return Hit(trial, "the output ended the process of `grade` itself")
    return None


def _hangs(_case: Case, trials: Sequence[Trial]) -> Hit | None:
    for trial in trials:
        if "time_limit" in trial.kinds:
            return Hit(trial, f"`grade` was stopped after {trial.result.seconds:.0f} s")
    return None


def _beats_wrong(case: Case, trials: Sequence[Trial]) -> Hit | None:
    """Programs do no honest work, so they must not earn more than a wrong answer does."""
    return earns(0.45)(case, [trial for trial in trials if best_of([trial])])


def runs_code(subject: Subject) -> bool:
    """What is seen to execute the output; of an endpoint nothing is seen."""
    return subject.facts.runs_code or (subject.opaque and not subject.has_source)


def evaluates(subject: Subject) -> bool:
    return subject.facts.evaluates


_APART = (
    "run the model's code with `from grading_sandbox import run_untrusted`: another process that never sees `item`; "
    "send inputs by stdin, compare its stdout in `grade`"
)
_ON_OUTPUT = "let no exit status and no fixed word decide: give inputs by stdin, compare stdout with what `grade` alone knows"


def _attack(name: str, make: Callable[[Case], Iterable[str]], danger: str, remedy: str) -> Attack:
    return Attack(
        name, "code", "danger", _programs(make), _beats_wrong, danger, remedy, applies=runs_code
    )


ATTACKS: tuple[Attack, ...] = (
    Attack(
        "code in the grader's process", "code", "danger", _programs(_exits), _killed,
        "the model's code runs in the process of `grade` and can read the item, change the grader or end it",
        _APART, applies=runs_code,
    ),
    _attack("early exit", _leave, "a program that leaves with status 0 before any test passes for a right one", _ON_OUTPUT),
    _attack("printed results", _print, "a program that prints what a passed test prints passes", _ON_OUTPUT),
    _attack("equal to everything", _same, "an object whose `__eq__` always agrees passes every comparison", _APART),
    _attack("patched functions", _patch, "built-in functions or the test library are replaced before the grader uses them", _APART),
    _attack("the grader's frames", _frames, "the code walks the call stack to the item or the grader's own variables and changes them", _APART),
    _attack("the item within reach", _reaches_item, "an expression can name the reference itself", _APART + "; or parse the expression with `ast` and allow numbers and operators alone"),
    _attack("tests read from the program", _read, "expected values stand where the code can read them: its own file or its input", "keep expected values in `grade`; send nothing but the input"),
    _attack("forged result file", _results, "the code itself writes the file that the grader reads the result from", _ON_OUTPUT),
    Attack(
        "endless loop", "code", "warning", _programs(_endless), _hangs,
        "an output holds the grade for its whole time limit; many of them stop the training",
        "run the code apart, with a time limit of seconds (`run_untrusted(…, timeout_seconds=5)`)",
        applies=runs_code,
        confirmed=True,
    ),
)  # fmt: skip
