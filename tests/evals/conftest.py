"""A server of its own folder, so that no other server's runs are in it."""

import os
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from grader_service.settings import Settings
from tests import postgres
from tests.serving import serving


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("data")
    with serving(Settings(sandbox="off", log_level="error", data_dir=folder)) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """A PostgreSQL server of the tests' own."""
    binaries = postgres.programs()
    if binaries is None:
        if "GRADER_TESTS_NEED_POSTGRES" in os.environ:
            pytest.fail("GRADER_TESTS_NEED_POSTGRES is set, and there is no PostgreSQL")
        pytest.skip("NOT TESTED ON POSTGRESQL: its programs are not here (apt install postgresql)")
    with postgres.cluster(binaries) as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Settings that name an empty database of either kind."""
    if request.param == "sqlite":
        return {"data_dir": str(tmp_path / "data")}
    return {"database_url": postgres.new_database(request.getfixturevalue("cluster"))}
