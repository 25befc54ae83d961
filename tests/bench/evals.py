"""A string_check run of 50,000 rows from a file: rows per second, and the server's peak memory; the same with the rows in the request."""

import json
import re
import tempfile
import time
from pathlib import Path

import httpx
import openai
from rich.console import Console

from tests import processes
from tests.definitions import STRING_CHECK

ROWS = 50_000
MOST_MB = 300
LEAST_PER_SECOND = 1000
TEXT = "the quick brown fox jumps over the lazy dog " * 8


def _row(number: int) -> dict:
    answer = f"answer {number}"
    given = answer if number % 4 else "something else"
    return {"item": {"answer": answer, "question": TEXT}, "sample": {"output_text": given}}


def _peak_mb(process: int) -> float:
    """VmHWM of a process, in megabytes of 10^6 bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def _run(client: openai.OpenAI, eval_id: str, source: dict) -> tuple[float, float]:
    """Seconds until the run was accepted, and from there until it was complete."""
    started = time.perf_counter()
    run = client.evals.runs.create(eval_id, data_source={"type": "jsonl", "source": source})
    accepted = time.perf_counter()
    while run.status not in ("completed", "failed"):
        time.sleep(0.1)
        run = client.evals.runs.retrieve(run.id, eval_id=eval_id)
    ended = time.perf_counter()
    counts = run.result_counts
    assert (counts.total, counts.passed, counts.failed) == (ROWS, ROWS * 3 // 4, ROWS // 4), run
    return accepted - started, ended - accepted


def main(console: Console) -> bool:
    """True where both figures are met; memory is read from /proc, so only on Linux."""
    rows = [_row(number) for number in range(ROWS)]
    content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    good = True
    for kind in ("file", "request"):
        with (
            tempfile.TemporaryDirectory() as folder,
            processes.serving(sandbox="off", data_dir=folder) as server,
            openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", timeout=600) as client,
        ):
            before = _peak_mb(server.process.pid)
            made = client.evals.create(
                data_source_config={"type": "custom", "item_schema": {"type": "object"}},
                testing_criteria=[STRING_CHECK],
            )
            source: dict = {"type": "file_content", "content": rows}
            if kind == "file":
                source = {
                    "type": "file_id",
                    "id": client.files.create(file=content, purpose="evals").id,
                }
            accepting, grading = _run(client, made.id, source)
            probe = httpx.get(f"{server.address}/healthz")
            assert probe.status_code == 200
            peak = _peak_mb(server.process.pid)
        per_second = ROWS / grading
        fine = peak <= MOST_MB and per_second >= LEAST_PER_SECOND
        good = good and fine
        console.print(
            f"  {ROWS:,} rows of {len(content) / 1e6:.0f} MB in a {kind}: accepted in {accepting:.1f} s, "
            f"{per_second:.0f} rows/s, {before:.0f} MB at start, peak {peak:.0f} MB "
            f"(wanted at most {MOST_MB}): {'met' if fine else 'MISSED'}"
        )
    return good
