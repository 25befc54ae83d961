"""Settings: keys in their forms, and nothing secret in what is printed."""

from pathlib import Path

import pytest

from grader_service import settings
from grader_service.errors import CannotStart


def keys(text: str) -> list[tuple[str, str]]:
    read = settings.read({"api_keys": text}).api_keys
    return [(each.name, each.key.get_secret_value()) for each in read]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:1, b:2:3", [("a", "1"), ("b", "2:3")]),
        ("1,2", [("key1", "1"), ("key2", "2")]),
        ("a:1\n\n# old\n  b: 2\n", [("a", "1"), ("b", "2")]),
        ("a:old,a:new", [("a", "old"), ("a", "new")]),
    ],
)
def test_keys_with_and_without_names(text: str, expected: list[tuple[str, str]]) -> None:
    assert keys(text) == expected


@pytest.mark.parametrize("text", ["a:", ":1", "a:1,,b:2", "a:1,b:1", "{", '["a"', '"a"'])
def test_bad_keys_are_refused_without_being_shown(text: str) -> None:
    with pytest.raises(CannotStart) as caught:
        keys(text + ",secret-key")
    assert "GRADER_API_KEYS" in str(caught.value)
    assert "secret-key" not in str(caught.value)


def test_keys_as_json_are_not_taken_for_bare_keys() -> None:
    with pytest.raises(CannotStart, match="JSON is not read here; write `name:key`"):
        keys('{"trainer": "planted"}')


def test_keys_in_two_places_would_outlive_their_removal(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="both set"):
        settings.read({"api_keys": "a:1", "api_keys_file": tmp_path / "keys"})


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
    assert settings.read({"host": host, "api_keys_file": "/etc/keys"}).host == host
