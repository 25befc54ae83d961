"""Writes the dashboards: `python deploy/grafana/build.py [FOLDER]`, by default into `dashboards` beside this file."""

import json
import sys
from pathlib import Path

from judge import judge
from overview import overview
from rewards import rewards
from sandbox import sandbox


def main(folder: Path) -> None:
    for made in (overview(), rewards(), sandbox(), judge()):
        path = folder / f"{made['uid'].removeprefix('grader-')}.json"
        path.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("dashboards"))
