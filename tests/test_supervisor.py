"""Several server processes at one address: real ones, counted, killed and stopped."""

import contextlib
import os
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests import processes
from tests.definitions import STRING_CHECK, body
from tests.fakes import upstream as fake
from tests.fakes.upstream import serving_upstream
from tests.http.test_errors import RUN
from tests.processes import Serving, start

PROCESSES = 2
WAIT_SECONDS = 30
JUDGED = {"type": "score_model", "input": [{"role": "user", "content": "{{sample.output_text}}"}]}
JUDGED |= {"name": "judged", "model": "gpt-4o", "sampling_params": {"max_completions_tokens": 1}}


@contextlib.contextmanager
def serving(**settings: object) -> Iterator[Serving]:
    with processes.serving(**{"sandbox": "off", "processes": PROCESSES} | settings) as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving() as running:
        yield running


def children(parent: int) -> set[int]:
    """The processes that `parent` has started."""
    return set(map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()))


def wait_until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.05)


def counted(address: str, pattern: str) -> float:
    """The value of the one line of /metrics that begins so."""
    (line,) = re.findall(
        f"^{pattern} (.+)$", httpx.get(address + "/metrics", timeout=60).text, re.MULTILINE
    )
    return float(line)


GRADED = r'grader_grades_total\{state="value",type="string_check"\}'


def grade(address: str, number: int) -> None:
    """Each over a connection of its own, which any process may get."""
    for _ in range(number):
        assert httpx.post(address + RUN, json=body(STRING_CHECK)).json()["reward"] == 1.0


def test_counts_add_up_whichever_process_answers(server: Serving) -> None:
    before = counted(server.address, GRADED)
    grade(server.address, 60)
    told = {counted(server.address, GRADED) for _ in range(20)}
    assert told == {before + 60}
    graded = Counter(e["process"] for e in server.events() if e["event"] == "graded")
    assert set(graded) == set(range(PROCESSES))
    assert counted(server.address, r'grader_reward_count\{type="string_check"\}') == before + 60


def test_one_line_says_where_it_listens(server: Serving) -> None:
    assert [e["event"] for e in server.events()].count("listening") == 1


def test_the_processes_own_numbers_are_added_up(server: Serving) -> None:
    pids = children(server.process.pid)
    assert len(pids) == PROCESSES
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    shown = counted(server.address, "process_resident_memory_bytes")
    assert shown == pytest.approx(pages * os.sysconf("SC_PAGE_SIZE"), rel=0.2)


def test_a_killed_process_is_replaced_and_nothing_is_uncounted(server: Serving) -> None:
    grade(server.address, 10)
    before = counted(server.address, GRADED)
    old = children(server.process.pid)
    victim = min(old)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(children(server.process.pid) - old) == 1)
    assert counted(server.address, GRADED) == before
    grade(server.address, 30)
    assert counted(server.address, GRADED) == before + 30
    (ended,) = [e for e in server.events() if e["event"] == "process_ended"]
    assert (ended["exit_code"], ended["restart_seconds"]) == (-9, 0.0)


def judge(address: str, number: int) -> httpx.Response | None:
    with contextlib.suppress(httpx.HTTPError):  # of a process that was killed
        return httpx.post(address + RUN, json=body(JUDGED, str(number)), timeout=60)
    return None


def test_gauges_add_up_and_those_of_a_dead_process_vanish() -> None:
    with (
        serving_upstream(default=fake.hanging()) as upstream,
        serving(llm_base_url=upstream.base_url) as running,
        ThreadPoolExecutor(8) as pool,
    ):
        for number in range(8):
            pool.submit(judge, running.address, number)
        wait_until(lambda: counted(running.address, "grader_in_flight") == 8)
        for child in children(running.process.pid):
            os.kill(child, signal.SIGKILL)
        wait_until(lambda: counted(running.address, "grader_in_flight") == 0)


def test_sigterm_finishes_what_is_in_flight_in_all_processes() -> None:
    with (
        serving_upstream(default=fake.slow(2.0, fake.verdict(0.5))) as upstream,
        serving(llm_base_url=upstream.base_url) as running,
        ThreadPoolExecutor(16) as pool,
    ):
        posts = [pool.submit(judge, running.address, number) for number in range(16)]
        wait_until(lambda: len(upstream.received) == 16)
        running.process.send_signal(signal.SIGTERM)
        answers = [post.result() for post in posts]
        assert running.process.wait(30) == 0
        busy = {e["process"] for e in running.events() if e["event"] == "graded"}
    assert [answer and answer.json()["reward"] for answer in answers] == [0.5] * 16
    assert len(busy) > 1
    host, port = running.address.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)


def test_all_processes_spend_from_one_budget(tmp_path: Path) -> None:
    """A completion token costs 1, and each answer is one."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    with (
        serving_upstream(default=fake.verdict(1, usage=usage)) as upstream,
        serving(
            llm_base_url=upstream.base_url,
            llm_price="0,0,1000000",
            budget_total=5,
            state_dir=tmp_path,
        ) as running,
        ThreadPoolExecutor(8) as pool,
    ):
        posts = pool.map(lambda number: judge(running.address, number), range(24))
        statuses = Counter(post.status_code for post in posts)
        wait_until(lambda: counted(running.address, "grader_judge_spent_total") == 5)
        assert statuses == {200: 5, 429: 19}
        assert len(upstream.received) == 5
        assert counted(running.address, r'grader_judge_budget\{period="total"\}') == 5


def test_processes_do_not_outlive_their_supervisor() -> None:
    with serving() as running:
        orphans = children(running.process.pid)
        running.process.kill()
        wait_until(lambda: not any(_runs(pid) for pid in orphans))


def _runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"catalogue": "/nowhere"}, "GRADER_CATALOGUE"),
        ({"nltk_data": "/nowhere"}, "make install"),
        ({"max_in_flight": 1}, "GRADER_MAX_IN_FLIGHT=1 cannot be divided"),
    ],
)
def test_a_start_that_fails_ends_all_with_one_line(settings: dict, hint: str) -> None:
    given = {"port": 0, "sandbox": "off", "processes": PROCESSES} | settings
    process = start("serve", **given)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    lines = [line for line in errors.splitlines() if '"engine"' not in line]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert hint in lines[0]


def test_a_port_in_use_by_several_processes_is_in_use(server: Serving) -> None:
    port = server.address.rpartition(":")[2]
    for workers in ("1", "2"):
        process = start("serve", "--port", port, "--workers", workers, sandbox="off")
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 2
        assert "Address already in use" in errors


def test_a_limit_is_one_for_all_processes() -> None:
    with (
        serving_upstream(default=fake.slow(1.0, fake.verdict(1))) as upstream,
        serving(llm_base_url=upstream.base_url, llm_concurrency=4, max_in_flight=9) as running,
        ThreadPoolExecutor(40) as pool,
    ):
        posts = pool.map(lambda number: judge(running.address, number), range(40))
        statuses = Counter(post.status_code for post in posts)
        assert set(statuses) == {200, 429}
        assert upstream.most_at_once <= 4


def test_an_environment_for_other_programs_metrics_is_not_used(tmp_path: Path) -> None:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(tmp_path)
    try:
        for number in (1, 2):
            with serving(processes=number) as running:
                grade(running.address, 1)
                assert counted(running.address, GRADED) == 1
    finally:
        del os.environ["PROMETHEUS_MULTIPROC_DIR"]
    assert not list(tmp_path.iterdir())
