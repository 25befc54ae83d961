"""The engines that all planted graders share, and the doctor's look at one of them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from grader_service.doctor.examine import ATTACKS, Plan, examine
from grader_service.doctor.findings import Report
from grader_service.doctor.rows import AttackRow
from grader_service.doctor.samples import read_samples
from grader_service.engines import open_engines
from grader_service.graders import GRADER
from grader_service.graders.context import Engines
from grader_service.settings import Settings
from tests.doctor.planted import Planted
from tests.fakes.upstream import serving_upstream

GRADE_SECONDS = 1.5
Look = Callable[[Planted], Awaitable[Report]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engines(_own_environment: None) -> AsyncIterator[Engines]:
    settings = Settings(sandbox="bubblewrap", sandbox_timeout_seconds=GRADE_SECONDS)
    async with open_engines(settings, lambda _event: None) as opened:
        yield opened


@pytest.fixture(scope="session")
def look(engines: Engines) -> Look:
    """The first row of a planted grader is attacked, the others lend wrong answers; a sound one by all families."""

    async def look(planted: Planted) -> Report:
        if planted.judge is None:
            return await examine(plan(planted), engines, lambda _grades: None)
        with serving_upstream(default=planted.judge) as upstream:
            settings = Settings(sandbox="off", llm_base_url=upstream.base_url, llm_api_key="k")
            async with open_engines(settings, lambda _event: None) as asking:
                report = await examine(plan(planted), asking, lambda _grades: None)
            assert len(upstream.received) == report.judge_calls
            return report

    return look


def plan(planted: Planted) -> Plan:
    brought = [list(read_samples([json.dumps(sample).encode()])) for sample in planted.samples]
    given = [output for found in brought for index, output in found if index == 0]
    attacked = [AttackRow(0, planted.rows[0], tuple(given))] if planted.rows else []
    families = {attack.family for attack in ATTACKS if attack.name == planted.caught_by}
    grader = GRADER.validate_python(planted.grader)
    return Plan(grader, attacked, planted.rows[1:], families)
