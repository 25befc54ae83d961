"""`python -m tests.load [NAME …]`: load and faults, as programs. Status 1 where a promise was not kept.

A table in a terminal, JSON where the output goes elsewhere, `--markdown` for deploy/README.md.
"""

import argparse
import dataclasses
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.table import Table

from tests.load import (
    capacity,
    crowd,
    disk,
    engine,
    hostile,
    judge,
    leaks,
    mixed,
    overload,
    stop,
    workers,
)
from tests.load.report import Options, Report
from tests.load.stage import EngineMissing

PROGRAMS: Mapping[str, ModuleType] = {
    "mixed": mixed,
    "capacity": capacity,
    "overload": overload,
    "crowd": crowd,
    "hostile": hostile,
    "workers": workers,
    "engine": engine,
    "judge": judge,
    "disk": disk,
    "stop": stop,
    "leaks": leaks,
}


def title(name: str) -> str:
    """The first sentence of a program's description."""
    return (PROGRAMS[name].__doc__ or "").partition("\n")[0]


def play(name: str, options: Options) -> Report:
    """One program's report; a missing sandbox is told in it."""
    try:
        report: Report = PROGRAMS[name].run(options)
    except EngineMissing as error:
        return Report(name, "", missing=str(error))
    return report


def show(console: Console, report: Report) -> None:
    console.rule(report.name)
    if report.missing:
        console.print(f"[bold red]not run:[/] {report.missing}", highlight=False)
        return
    console.print(f"{title(report.name)}\n{report.conditions}", highlight=False)
    table = Table(*(str(column) for column in report.rows[0]))
    for row in report.rows:
        table.add_row(*map(str, row.values()))
    console.print(table)
    for check in report.checks:
        console.print(f"  {'kept  ' if check.kept else '[bold red]BROKEN[/]'} {check.promise}")


def markdown(report: Report) -> str:
    """A heading, a table, and the promises in words."""
    if report.missing:
        return f"### {report.name}\n\nNot run: {report.missing}.\n"
    columns = [name for name in report.rows[0] if any(row[name] for row in report.rows)]
    lines = [
        "| " + " | ".join(columns) + " |",
        "|" + "|".join("--:" if column else "---" for column in columns) + "|",
        *("| " + " | ".join(str(row[column]) for column in columns) + " |" for row in report.rows),
    ]
    broken = [check.promise for check in report.checks if not check.kept]
    end = f"{len(report.checks) - len(broken)} of {len(report.checks)} promises kept"
    end += f"; broken: {'; '.join(broken)}." if broken else "."
    text = "\n".join(lines)
    return f"### {report.name}\n\n{title(report.name)} {report.conditions}.\n\n{text}\n\n{end}\n"


def machine() -> str:
    return f"{os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}"


def _arguments() -> argparse.Namespace:
    listing = "\n".join(f"  {name:10}{title(name)}" for name in PROGRAMS)
    parser = argparse.ArgumentParser(
        prog="python -m tests.load",
        description="Load and faults, as programs; every answer is checked.",
        epilog=listing,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="programs; all unless named")
    parser.add_argument("--seconds", type=float, help="length of each program")
    parser.add_argument(
        "--sandbox", default="auto", choices=["auto", "docker", "bubblewrap"], help="for python"
    )
    parser.add_argument(
        "--engine", type=Path, help="folder of a Docker engine (.ci/engine) that may be killed"
    )
    parser.add_argument("--no-timing", action="store_true", help="do not judge latencies")
    parser.add_argument("--markdown", action="store_true", help="for deploy/README.md")
    found = parser.parse_args()
    unknown = sorted(set(found.names) - set(PROGRAMS))
    if unknown:
        parser.error(f"there is no program {unknown[0]!r}; there are {', '.join(PROGRAMS)}")
    return found


def main() -> int:
    arguments = _arguments()
    console = Console(stderr=arguments.markdown or not sys.stdout.isatty())
    reports = []
    if arguments.markdown:
        print(f"On {machine()}, {time.strftime('%Y-%m-%d')}.\n", flush=True)
    for name in arguments.names or PROGRAMS:
        options = Options(
            arguments.seconds or PROGRAMS[name].SECONDS,
            arguments.sandbox,
            not arguments.no_timing,
            arguments.engine,
        )
        reports.append(play(name, options))
        show(console, reports[-1])
        if arguments.markdown:
            print(markdown(reports[-1]), flush=True)
    if not arguments.markdown and not sys.stdout.isatty():
        json.dump([dataclasses.asdict(report) for report in reports], sys.stdout, indent=1)
    return 0 if all(report.good for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
