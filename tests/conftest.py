"""What many tests share: one plain server, and settings that ignore the developer's environment."""

import os
from collections.abc import Iterator

import pytest

from grader_service.settings import Settings
from tests.serving import serving


@pytest.fixture(scope="session", autouse=True)
def _own_environment() -> Iterator[None]:
    """Settings of the machine must not change what a test sees."""
    kept = {
        name: os.environ.pop(name)
        for name in list(os.environ)
        if name.startswith("GRADER_") and not name.startswith("GRADER_TESTS_")
    }
    yield
    os.environ.update(kept)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server without keys, catalogue, sandbox or judge."""
    with serving(Settings(sandbox="off", log_level="error")) as address:
        yield address
