"""The page of rules is the table of rules."""

import re
from pathlib import Path

from grader_service.datasets import check
from grader_service.datasets.check.rules import JOB_RULES, READING_RULES, ROWS_RULES

PAGE = Path(check.__file__).with_name("README.md")


def test_every_rule_is_on_the_page() -> None:
    shown = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
    rules = READING_RULES | {rule.name: rule.meaning for rule in (*JOB_RULES, *ROWS_RULES)}
    assert shown == rules
    assert len(rules) == len(READING_RULES) + len(JOB_RULES) + len(ROWS_RULES)
