"""The programs in a short form: they run, and what they promise about behaviour holds. No figures are judged."""

import os

import pytest

from tests.load.__main__ import PROGRAMS, markdown, play
from tests.load.report import Options

SECONDS = {"overload": 3.0, "capacity": 2.0, "leaks": 0.6}
USUAL_SECONDS = 1.5


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_keeps_its_promises(name: str, docker_host: None) -> None:
    seconds = SECONDS.get(name, USUAL_SECONDS)
    report = play(name, Options(seconds, sandbox="bubblewrap", timing=False))
    if report.missing:
        loud = f"##### NOT TESTED: {report.missing} #####"
        if os.environ.get("GRADER_TESTS_NEED_DOCKER"):
            pytest.fail(loud)
        pytest.skip(loud)
    assert [check.promise for check in report.checks if not check.kept] == []
    assert report.rows
    assert report.conditions in markdown(report)
