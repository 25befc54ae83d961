"""What the doctor reads out of a python grader's source."""

import pytest

from grader_service.doctor.source import facts_of


def test_keys_of_the_item_and_of_the_answer() -> None:
    facts = facts_of("""
def grade(s, row):
    said = s["output_json"].get("city")
    return float(said == row["gold"] and (row or {}).get("also"))
""")
    assert {*facts.item_keys} == {"gold", "also"}
    assert facts.keys == ("city",)
    assert facts.reads_json
    assert not facts.runs_code


@pytest.mark.parametrize(
    ("line", "evaluates", "executes"),
    [
        ("eval(sample['output_text'])", True, False),
        ("exec(sample['output_text'])", False, True),
        ("subprocess.run(['python'])", False, True),
        ("os.system('python')", False, True),
        ("run_untrusted(sample['output_text'])", False, True),
        ("re.compile('eval')", False, False),
    ],
)
def test_code_that_is_executed(line: str, evaluates: bool, executes: bool) -> None:
    facts = facts_of(f"def grade(sample, item):\n    return {line}\n")
    assert (facts.evaluates, facts.executes) == (evaluates, executes)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import random\nx = random.random()", ("random.random",)),
        ("from random import choice\nx = choice('ab')", ("choice",)),
        ("import numpy as np\nx = np.random.rand()", ("np.random.rand",)),
        ("import os\nx = os.urandom(4)", ("os.urandom",)),
        ("import random\nx = random.Random(5).random()", ()),
        ("import random\nrandom.seed(5)\nx = random.random()", ()),
        ("import time\nx = time.time()", ()),
    ],
)
def test_random_numbers_without_a_seed(source: str, names: tuple[str, ...]) -> None:
    assert facts_of(source).chance == names


def test_a_source_that_cannot_be_parsed_tells_nothing() -> None:
    assert facts_of("def grade(:") == facts_of("")
