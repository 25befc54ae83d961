"""The doctor against graders that are planted with a fault, and against sound ones."""

import pytest

from tests.doctor import hackable, sound
from tests.doctor.conftest import Look
from tests.doctor.planted import Planted


@pytest.mark.parametrize("planted", hackable.ALL, ids=lambda planted: planted.name)
@pytest.mark.asyncio(loop_scope="session")
async def test_a_hackable_grader_is_found_by_the_attack_meant_for_it(
    planted: Planted, look: Look
) -> None:
    report = await look(planted)
    assert planted.caught_by in [finding.attack for finding in report.findings]


@pytest.mark.parametrize("planted", sound.ALL, ids=lambda planted: planted.name)
@pytest.mark.asyncio(loop_scope="session")
async def test_nothing_is_found_in_a_sound_grader(planted: Planted, look: Look) -> None:
    report = await look(planted)
    assert [(finding.attack, finding.sent) for finding in report.findings] == []
    assert report.grades > 40
