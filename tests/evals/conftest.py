"""A server of its own folder, so that no other server's runs are in it."""

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from grader_service.settings import Settings
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
