"""Rewards files for the tests, and the command on them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from grader_service.report.build import Built, Wanted, build
from grader_service.report.cost import prices
from grader_service.settings import Settings
from tests.processes import start


def record(index: int, n: int, reward: float, **others: Any) -> dict[str, Any]:
    """As `grade` writes it."""
    return {
        "index": index,
        "n": n,
        "reward": reward,
        "state": "value",
        "causes": [],
        "parts": {},
        "seconds": 0.001,
        "usage": {},
        "item": {"messages": [{"role": "user", "content": f"prompt {index}"}], "answer": index},
        "sample": {"output_text": f"output {index} {n}", "output_tools": []},
        **others,
    }


def cause(kind: str, where: str = "", details: str = "so it was") -> dict[str, Any]:
    return {"kind": kind, "details": details, "retryable": False, "where": where}


def tokens(prompt: int, cached: int, completion: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
        "completion_tokens": completion,
        "cached_tokens": cached,
    }


def write(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    with path.open("w") as file:
        file.writelines(json.dumps(line) + "\n" for line in records)
    return path


def built(*rewards: Path, settings: Settings | None = None) -> Built:
    """Without a process of its own; the page stands beside the first file."""
    return build(
        Wanted(
            rewards=rewards[0],
            other=rewards[1] if len(rewards) > 1 else None,
            output=rewards[0].with_suffix(".html"),
            plots=None,
            grader=None,
            pass_threshold=None,
            price_of=prices(settings or Settings()),
        )
    )


def report(*arguments: str | Path, **settings: Any) -> dict[str, Any]:
    """What the command writes into a pipe; nothing goes wrong."""
    code, output, errors = run(*arguments, **settings)
    assert (code, errors) == (0, "")
    answer: dict[str, Any] = json.loads(output)
    return answer


def run(*arguments: str | Path, **settings: Any) -> tuple[int, str, str]:
    process = start("report", *(str(part) for part in arguments), **settings)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors
