"""Where the files are that go into a sandbox: the runner, and the system call profile."""

import hashlib
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def folder() -> Path:
    """`sandbox_image` of the checkout, or its copy within an installed package."""
    installed = _PACKAGE / "sandbox_image"
    return installed if installed.is_dir() else _PACKAGE.parent / "sandbox_image"


def runner() -> Path:
    return folder() / "runner"


def seccomp() -> Path:
    return folder() / "seccomp.json"


def runner_digest() -> str:
    """SHA-256, in hex, of the runner's files one after the other, in the order of their names."""
    files = sorted(runner().glob("*.py"), key=lambda file: file.name)
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
