"""`grade --engine ray` on a cluster of two nodes: the same rewards, and none lost with a node."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.test_grade import RIGHT, WRONG, command, lines, records
from tests.definitions import PYTHON, TEXT_SIMILARITY

pytest.importorskip("ray", reason="Ray is not installed: nothing shows that --engine ray works")

ROWS = 12


class Cluster:
    """Two nodes with one CPU each, so that each has one actor."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address = self._said()

    def lose_a_node(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        assert self._said() == "removed"

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Ends when its input ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cli.ray_cluster"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield Cluster(process)


def started(cluster: Cluster, *arguments: object, **settings: str) -> subprocess.Popen[str]:
    """The command; the nodes find the package where the tests do, and not where it is installed."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("GRADER_")}
    ours = {f"GRADER_{name.upper()}": value for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "grader_service", "grade", *map(str, arguments), "--engine", "ray"],
        env={**own, **ours, "GRADER_SANDBOX": "off", "RAY_ADDRESS": cluster.address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, dict, str]:
    output, errors = process.communicate(timeout=120)
    return process.returncode, json.loads(output or "{}"), errors


class Scorer(ThreadingHTTPServer):
    """Counts who waits for a score, and gives none before `gate` is open."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Score)
        self.gate = threading.Event()
        self.asked = threading.Semaphore(0)


class _Score(BaseHTTPRequestHandler):
    server: Scorer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.release()
        self.server.gate.wait(60)
        with contextlib.suppress(OSError):  # whoever asked is gone
            self.send_response(200)
            self.send_header("content-length", "14")
            self.end_headers()
            self.wfile.write(b'{"score": 1.0}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def scorer() -> Iterator[Scorer]:
    with Scorer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()
        thread.join()


def test_a_cluster_grades_the_same_and_goes_on(tmp_path: Path, cluster: Cluster) -> None:
    grader = lines(tmp_path / "grader.json", TEXT_SIMILARITY)
    data = lines(tmp_path / "rows.jsonl", *[RIGHT, WRONG, {"item": {}, "sample": "x"}] * 100)
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    command(grader, "--data", data, "--output", here)
    arguments = [grader, "--data", data, "--output", there]
    code, told, errors = ended(started(cluster, *arguments, "--limit", 100))
    assert (code, told["summary"]["graded"]) == (0, 100), errors
    code, told, errors = ended(started(cluster, *arguments))
    assert (code, told["resumed"], told["summary"]["graded"]) == (0, 100, 300), errors

    def compared(path: Path) -> dict:
        return {place: {**record, "seconds": 0} for place, record in records(path).items()}

    assert compared(there) == compared(here)


def test_a_fault_in_the_cluster_is_one_line(tmp_path: Path, cluster: Cluster) -> None:
    grader = lines(tmp_path / "grader.json", {**PYTHON, "source": "x = 1"})
    data = lines(tmp_path / "rows.jsonl", RIGHT)
    code, told, errors = ended(started(cluster, grader, "--data", data))
    assert (code, told) == (2, {})
    assert "`grade`" in errors
    assert len(errors.splitlines()) == 1


def test_what_a_lost_node_had_is_graded_by_the_other(
    tmp_path: Path, cluster: Cluster, scorer: Scorer
) -> None:
    """The last test of this cluster. An actor has two samples at a time: four that wait come from both nodes."""
    url = f"http://127.0.0.1:{scorer.server_port}"
    grader = lines(tmp_path / "grader.json", {"type": "endpoint", "url": f"{url}/score"})
    data = lines(tmp_path / "rows.jsonl", *[RIGHT] * ROWS)
    out = tmp_path / "out.jsonl"
    arguments = [grader, "--data", data, "--output", out, "--concurrency", 1]
    process = started(cluster, *arguments, endpoint_hosts=url)
    for _ in range(4):
        assert scorer.asked.acquire(timeout=60)
    cluster.lose_a_node()
    scorer.gate.set()
    code, told, errors = ended(process)
    assert (code, told["summary"]["value"]) == (0, ROWS), errors
    assert len(records(out)) == ROWS
