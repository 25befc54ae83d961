"""`make bench [ONLY=…]`: every figure that this project promises, as ratios taken in one run."""

import sys
from collections.abc import Callable, Mapping

from rich.console import Console

from tests.bench import batch, evals, http, judge, memory, rouge, sandbox

PARTS: Mapping[str, Callable[[Console], bool]] = {
    "http": http.main,
    "batch": batch.main,
    "rouge": rouge.main,
    "memory": memory.main,
    "judge": judge.main,
    "sandbox": sandbox.main,
    "evals": evals.main,
}


def main() -> int:
    console = Console(width=None if sys.stdout.isatty() else 160)
    wanted = sys.argv[1:] or list(PARTS)
    missed = []
    for name in wanted:
        console.rule(name)
        if not PARTS[name](console):
            missed.append(name)
    console.print(f"missed: {', '.join(missed)}" if missed else "every figure met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
