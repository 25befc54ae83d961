"""Telling a live server's containers from those that a killed one has left."""

import os
import secrets
import socket
from pathlib import Path

LABEL = "grader-service.sandbox"
OWNER_LABEL = "grader-service.owner"


def describe_owner() -> str:
    """Host, process, the process's start, and a mark of this one engine object."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{pid}/{_started(pid)}/{secrets.token_hex(4)}"


def is_gone(owner: str) -> bool:
    """Whether the owner was a process of this host that is no more; what is not known is not gone."""
    parts = owner.split("/")
    if len(parts) != 4 or parts[0] != socket.gethostname() or not parts[1].isdigit():
        return False
    return _started(int(parts[1])) != parts[2]


def _started(pid: int) -> str:
    """Clock ticks since boot, with the boot's name; "" where there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    return f"{boot}-{fields[19]}"
