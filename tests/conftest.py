"""What many tests share: one plain server, and settings that ignore the developer's environment."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader_service.settings import Settings
from tests import postgres
from tests.serving import serving

OWN_ENGINE = Path(__file__).parents[1] / ".cache/engine/docker-host"
"""Written by `.ci/engine start`: for `make test` on a machine whose only engine is that one."""


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings of the machine must not change what a test sees, and no database may lie in its folder."""
    kept = {
        name: os.environ.pop(name)
        for name in list(os.environ)
        if name.startswith("GRADER_") and not name.startswith("GRADER_TESTS_")
    }
    os.environ["GRADER_DATA_DIR"] = str(tmp_path_factory.mktemp("data"))
    yield
    del os.environ["GRADER_DATA_DIR"]
    os.environ.update(kept)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server without keys, catalogue, sandbox or judge."""
    with serving(Settings(sandbox="off", log_level="error")) as address:
        yield address


@pytest.fixture(scope="session")
def docker_host() -> Iterator[None]:
    """`DOCKER_HOST` as it is set, else the default socket, else the tests' own engine."""
    chosen = "DOCKER_HOST" in os.environ or Path("/var/run/docker.sock").is_socket()
    if chosen or not OWN_ENGINE.exists():
        yield
        return
    os.environ["DOCKER_HOST"] = OWN_ENGINE.read_text().strip()
    yield
    del os.environ["DOCKER_HOST"]


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    """A PostgreSQL server of the tests' own."""
    binaries = postgres.programs()
    if binaries is None:
        if "GRADER_TESTS_NEED_POSTGRES" in os.environ:
            pytest.fail("GRADER_TESTS_NEED_POSTGRES is set, and there is no PostgreSQL")
        pytest.skip("NOT TESTED ON POSTGRESQL: its programs are not here (apt install postgresql)")
    with postgres.cluster(binaries) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Settings that name an empty database of either kind."""
    if request.param == "sqlite":
        return {"data_dir": str(tmp_path / "data")}
    return {"database_url": request.getfixturevalue("cluster").new_database()}
