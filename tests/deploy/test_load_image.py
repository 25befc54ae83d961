"""The program that carries the sandbox image into the nested engine: what it takes along, and when it need not."""

import importlib.util
import io
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from tests.deploy.places import DEPLOY


@pytest.fixture(scope="module")
def load_image() -> ModuleType:
    spec = importlib.util.spec_from_file_location("load_image", DEPLOY / "engine/load_image.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("opt/grader/runner.py", "proc/1/environ", "etc/hostname", "etc/passwd"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "bin").symlink_to("opt")
    return tmp_path


def left_out(root: Path) -> tuple[str, ...]:
    return (f"{root}/proc/", f"{root}/etc/hostname")


def test_what_the_engine_mounts_is_left_out(load_image: ModuleType, root: Path) -> None:
    stream = io.BytesIO()
    load_image.write_tar(stream, root, left_out(root))
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        names = tar.getnames()
        assert tar.getmember("bin").issym()
    assert sorted(names) == sorted(
        ["bin", "etc", "etc/passwd", "opt", "opt/grader", "opt/grader/runner.py", "proc"]
    )


def test_the_fingerprint_follows_the_files(load_image: ModuleType, root: Path) -> None:
    def mark() -> str:
        return load_image.fingerprint(root, left_out(root))

    before = mark()
    (root / "etc/hostname").write_text("another container")
    (root / "proc/1/environ").unlink()
    assert mark() == before
    (root / "opt/grader/runner.py").write_text("another runner")
    assert mark() != before
