"""Where the programs play: a server of its own with every kind of grader, an upstream, and a log that tells on it."""

import contextlib
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests import processes
from tests.load.kinds import write_catalogue
from tests.load.records import Records
from tests.load.report import Check, Options

MIX = {"string": 0.6, "python": 0.3, "judge": 0.1}


class EngineMissing(Exception):
    """There is no sandbox as asked for; the text says why."""


@dataclass(frozen=True)
class Stage:
    """A running server."""

    server: processes.Serving

    @property
    def address(self) -> str:
        return self.server.address

    def sandbox(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.address}/readyz").json()["sandbox"]
        return found

    def metric(self, name: str) -> float:
        """The sum of a metric's samples, by the beginning of their lines."""
        text = httpx.get(f"{self.address}/metrics").text
        found = re.findall(rf"^{re.escape(name)}.* (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def rewarded(self) -> Counter[str]:
        """Request ids under which the server has given a reward, by its own log."""
        with self.server.log.open("rb") as lines:
            events = (orjson.loads(line) for line in lines if b'"graded"' in line)
            return Counter(each["request_id"] for each in events if each["state"] == "value")


@contextlib.contextmanager
def stage(options: Options, **settings: Any) -> Iterator[Stage]:
    """Raises `EngineMissing` where python graders have nothing to run them."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_catalogue(folder)
        settings = {"sandbox": options.sandbox, "catalogue": folder, "state_dir": folder} | settings
        if "judges" not in settings:
            settings.setdefault("llm_base_url", stack.enter_context(processes.upstream()))
        found = Stage(stack.enter_context(processes.serving(**settings)))
        if options.sandbox != "off" and found.sandbox()["engine"] == "off":
            raise EngineMissing(found.sandbox()["reason"])
        yield found


def honest(records: Records, rewarded: Counter[str]) -> list[Check]:
    """Nothing lost, nothing twice, nothing wrong: by the callers' notes and by the server's own log."""
    right = {f"load-{each.number}" for each in records.all if each.outcome == "right"}
    numbers = {each.number for each in records.all}
    return [
        Check(
            f"each of {len(numbers)} requests has exactly one answer",
            not records.extra and len(numbers) == len(records.all) and not records.count("lost"),
        ),
        Check("every reward is the known one", not records.count("wrong")),
        Check(
            "the server's log names exactly the rewards that callers got, each once",
            rewarded.keys() == right and rewarded.total() == len(right),
        ),
    ]
