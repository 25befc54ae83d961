"""Resident memory of the server process after one grade of every metric."""

import os
import re
from pathlib import Path
from typing import get_args

import httpx
from rich.console import Console

from grader_service.graders.text_similarity import TextSimilarity
from tests import processes
from tests.definitions import MULTI, STRING_CHECK, TEXT_SIMILARITY, body

TARGET_MB = 130
PATH = "/v1/fine_tuning/alpha/graders/run"


def resident_mb(process: int) -> float:
    """VmRSS of a process, in megabytes of 10^6 bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def main(console: Console) -> bool:
    """True where the target holds; memory is read from /proc, so only on Linux."""
    if not os.path.isdir("/proc/self"):  # noqa: PTH112 - one plain question
        console.print("  not measured: this system has no /proc")
        return True
    metrics = [
        metric
        for metric in get_args(TextSimilarity.model_fields["evaluation_metric"].annotation)
        if metric != "cosine"
    ]
    graders = [
        STRING_CHECK,
        MULTI,
        *({**TEXT_SIMILARITY, "evaluation_metric": metric} for metric in metrics),
    ]
    text = "The quick brown foxes were jumping over lazy dogs — déjà vu."
    with processes.serving(sandbox="off") as server:
        before = resident_mb(server.process.pid)
        for grader in graders:
            sent = body(grader, text, item={"answer": text.replace("quick", "fast")})
            assert "reward" in httpx.post(server.address + PATH, json=sent).json()
        after = resident_mb(server.process.pid)
    good = after <= TARGET_MB
    console.print(
        f"  {before:.0f} MB at start, {after:.0f} MB after {len(graders)} kinds of grades, "
        f"wanted at most {TARGET_MB}: {'met' if good else 'MISSED'}"
    )
    return good
