"""Where the files under test are, how they are read, and the programs that some checks need."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
DEPLOY = TOP / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
RULES = DEPLOY / "prometheus/alerts.yml"


def read(path: Path) -> Any:
    """The one document of a YAML file."""
    return yaml.safe_load(path.read_text())


def read_all(text: str) -> list[Any]:
    return [document for document in yaml.safe_load_all(text) if document]


def run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program that may not be on this machine: then the test is skipped, and says so."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"##### NOT CHECKED: {program} is not on this machine #####")
    return subprocess.run(
        [found, *arguments],
        cwd=TOP,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
