"""The disk that the log goes to is full: grades go on, lines are lost; once there is room, lines are whole again."""

import contextlib
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson

from tests.load.generator import Plan, send
from tests.load.records import Records
from tests.load.report import Check, Options, Report
from tests.load.stage import MIX, stage

SECONDS = 20
RATE = 50
ROOM = "16k"
"""Of the small disk: some fifty lines."""
FEW = 20
"""Requests whose lines fit into half of it."""


@contextlib.contextmanager
def _small_disk() -> Iterator[Path | None]:
    """A folder on a tiny file system; None where this user may not mount one."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", folder]
        if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
            yield None
            return
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def _are_whole(lines: bytes) -> bool:
    """Whether every line is JSON but for the first, which the disk may have cut."""
    with contextlib.suppress(orjson.JSONDecodeError):
        return all(orjson.loads(line) for line in lines.splitlines()[1:])
    return False


def run(options: Options) -> Report:
    half = options.seconds / 2
    with _small_disk() as disk:
        if disk is None:
            return Report("disk", "", missing="this user may not mount a small disk (root may)")
        with stage(options, log_folder=disk) as here:
            filling = send(Plan(here.address, MIX, rate=RATE, seconds=half))
            full = send(Plan(here.address, MIX, rate=RATE, seconds=half, first=1_000_000))
            is_full = not os.statvfs(disk).f_bavail
            os.truncate(here.server.log, 0)
            freed = send(Plan(here.address, MIX, rate=RATE, most=FEW, first=2_000_000))
            log = here.server.log.read_bytes().lstrip(b"\0")
        named = Counter(b'"load-%d"' % each.number in log for each in freed.all)
    both = Records.together(filling, full, freed)
    checks = [
        Check("the disk was full", is_full),
        Check("every request was graded, rightly", both.only("right")),
        Check(f"with room again there are lines again: {named[True]}", named[True] > 0),
        Check("and they are whole", _are_whole(log)),
    ]
    rows = [filling.row("while it fills"), full.row("full"), freed.row("after room was made")]
    return Report(
        "disk", f"{RATE} requests/s of the mixture, log on a disk of {ROOM}B", rows, checks
    )
