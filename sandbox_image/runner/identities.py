"""Which isolation this runner uses, and the limits that all its processes inherit."""

import argparse
from typing import Any

import isolation
from namespaces import Namespaces
from uids import Uids

_RESERVED_BYTES = (
    48 << 20
)  # so that a grade meets its own limit before the kernel meets the container's


def choose(options: argparse.Namespace) -> Any:
    """The order matters: what is inherited is set first, and the runner itself must not be looked into."""
    if options.isolation == "uids":
        chosen: Any = Uids(options.first_uid, options.uids, options.skip_uids)
    else:
        chosen = Namespaces(options.memory_bytes, options.disk_bytes)
    isolation.limit_resources(options.memory_bytes - _RESERVED_BYTES, options.disk_bytes)
    isolation.prctl(isolation.PR_SET_NO_NEW_PRIVS, 1)
    isolation.prctl(isolation.PR_SET_DUMPABLE, 0)
    return chosen
