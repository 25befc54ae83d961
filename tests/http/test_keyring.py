"""Keys that change while the server runs."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import httpx
import pytest

from grader_service.errors import CannotStart
from grader_service.http.keyring import Keyring
from grader_service.settings import Settings
from tests import processes
from tests.serving import serving

WAIT_SECONDS = 20


def wait_until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.05)


def write(file: Path, text: str) -> None:
    file.with_suffix(".new").write_text(text)
    file.with_suffix(".new").replace(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.write_text("# callers\ntrainer:old\n\nreader:beta\n")
    return file


@pytest.fixture
def http(file: Path) -> Iterator[httpx.Client]:
    settings = Settings(sandbox="off", log_level="error", api_keys_file=file)
    with serving(settings) as address, httpx.Client(base_url=address) as client:
        yield client


def opens(http: httpx.Client, key: str) -> bool:
    status = http.get("/graders", headers={"api-key": key}).status_code
    assert status in (200, 401)
    return status == 200


def test_a_key_is_changed_without_a_gap_and_without_a_restart(
    http: httpx.Client, file: Path
) -> None:
    assert opens(http, "old")
    write(file, "trainer:old\ntrainer:new\nreader:beta\n")
    wait_until(lambda: opens(http, "new"))
    assert opens(http, "old")
    write(file, "trainer:new\nreader:beta\n")
    wait_until(lambda: not opens(http, "old"))
    assert opens(http, "new")
    assert opens(http, "beta")


@pytest.mark.parametrize(
    "text",
    ["", "# nobody\n", "bare-planted", '{"trainer": "planted"}', "a:planted\nb:planted", "a:\xff"],
)
def test_a_bad_edit_keeps_the_last_good_keys(http: httpx.Client, file: Path, text: str) -> None:
    file.write_bytes(text.encode("latin-1"))
    wait_until(lambda: "grader_api_keys_faults 1.0" in http.get("/metrics").text)
    assert opens(http, "old")
    assert not opens(http, "")
    ready = http.get("/readyz").json()
    assert (ready["status"], ready["keys"]["valid"]) == ("degraded", 2)
    (fault,) = ready["keys"]["faults"]
    assert fault.startswith("GRADER_API_KEYS_FILE: ")
    assert "planted" not in fault
    write(file, "trainer:new\n")
    wait_until(lambda: opens(http, "new"))
    assert not opens(http, "old")
    assert http.get("/readyz").json()["keys"] == {"valid": 1, "faults": []}


def test_a_file_that_goes_away_locks_nobody_out_and_lets_nobody_in(
    http: httpx.Client, file: Path
) -> None:
    file.unlink()
    wait_until(lambda: http.get("/readyz").json()["status"] == "degraded")
    assert opens(http, "old")
    assert not opens(http, "anything")
    os.mkfifo(file)
    wait_until(lambda: "no plain file" in http.get("/readyz").json()["keys"]["faults"][0])
    write(file, "trainer:old\nreader:beta\n")
    wait_until(lambda: http.get("/readyz").json()["status"] == "ready")


def test_a_switched_link_is_followed(tmp_path: Path) -> None:
    """How Kubernetes renews the files of a Secret: by one link over another."""
    for version, key in (("..1", "old"), ("..2", "new")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "keys").write_text(f"trainer:{key}\n")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "keys").symlink_to("..data/keys")
    settings = Settings(sandbox="off", log_level="error", api_keys_file=tmp_path / "keys")
    with serving(settings) as address, httpx.Client(base_url=address) as client:
        assert opens(client, "old")
        (tmp_path / "..data_tmp").symlink_to("..2")
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        wait_until(lambda: opens(client, "new"))
        assert not opens(client, "old")


@pytest.mark.parametrize("text", ["", "bare", "a:1\na"])
async def test_a_server_whose_file_holds_no_keys_does_not_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    await anyio.Path(file).write_text(text)
    keyring = Keyring((), file, lambda event: None)
    assert not keyring.is_open
    with pytest.raises(CannotStart, match="GRADER_API_KEYS_FILE"):
        async with keyring.followed():
            pass


def test_no_key_is_logged(file: Path) -> None:
    with processes.serving(sandbox="off", api_keys_file=file) as running:
        file.write_text("trainer:planted\nother:planted\n")
        wait_until(lambda: httpx.get(running.address + "/readyz").json()["status"] == "degraded")
        events = running.events()
        assert not {"planted", "old"} & set(running.log.read_text().replace('"', " ").split())
    assert [event["keys"] for event in events if event["event"] == "keys_loaded"] == [2, 2]
    assert len([event for event in events if event["event"] == "keys_fault"]) == 1
