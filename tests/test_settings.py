"""Settings: keys in their forms, and nothing secret in what is printed."""

import pytest

from grader_service import settings
from grader_service.errors import CannotStart


def keys(text: str) -> dict[str, str]:
    read = settings.read({"api_keys": text}).api_keys
    return {name: key.get_secret_value() for name, key in read.items()}


def test_keys_with_and_without_names() -> None:
    assert keys("a:1, b:2:3") == {"a": "1", "b": "2:3"}
    assert keys("1,2") == {"key1": "1", "key2": "2"}


@pytest.mark.parametrize("text", ["a:", ":1", "a:1,,b:2", "a:1,a:2"])
def test_bad_keys_are_refused_without_being_shown(text: str) -> None:
    with pytest.raises(CannotStart) as caught:
        keys(text + ",secret-key")
    assert "GRADER_API_KEYS" in str(caught.value)
    assert "secret-key" not in str(caught.value)


def test_secrets_are_not_printed() -> None:
    shown = repr(settings.read({"api_keys": "a:planted", "llm_api_key": "planted"}))
    assert "planted" not in shown


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_needs_no_keys(host: str) -> None:
    assert settings.read({"host": host}).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "grader.example"])
def test_other_addresses_need_keys(host: str) -> None:
    with pytest.raises(CannotStart, match="GRADER_API_KEYS"):
        settings.read({"host": host})
    assert settings.read({"host": host, "api_keys": "k"}).host == host
