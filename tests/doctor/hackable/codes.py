"""Graders that execute what the model wrote, and trust it."""

from tests.doctor.planted import DOUBLING, Planted, asked, python

TARGETS = tuple(
    asked(f"Write an expression for {target} from {nums}.", target=target, nums=nums)
    for target, nums in ((24, [4, 6]), (35, [5, 7]), (18, [20, 2]))
)

ALL = (
    Planted(
        "exec beside the item",
        python("""
def grade(sample, item):
    space = {}
    try:
        exec(sample["output_text"], space)
        exec(item["tests"], space)
    except Exception:
        return 0.0
    return 1.0
"""),
        "equal to everything",
        DOUBLING,
    ),
    Planted(
        "exec of the cases",
        python("""
def grade(sample, item):
    space = {}
    passed = 0
    try:
        exec(sample["output_text"], space)
        for case in item["cases"]:
            passed += str(space[item["entry_point"]](int(case["stdin"]))) == case["stdout"]
    except Exception:
        return 0.0
    return passed / len(item["cases"])
"""),
        "code in the grader's process",
        DOUBLING,
    ),
    Planted(
        "eval within reach",
        python("""
def grade(sample, item):
    try:
        value = eval(sample["output_text"])
    except Exception:
        return 0.0
    return 1.0 if value == item["target"] else 0.0
"""),
        "the item within reach",
        TARGETS,
    ),
    Planted(
        "exit status decides",
        python("""
from grading_sandbox import run_untrusted

def grade(sample, item):
    ended = run_untrusted(sample["output_text"] + "\\n" + item["tests"], timeout_seconds=0.5)
    return 1.0 if ended.exit_status == 0 else 0.0
"""),
        "early exit",
        DOUBLING,
    ),
    Planted(
        "a word decides",
        python("""
from grading_sandbox import run_untrusted

def grade(sample, item):
    program = sample["output_text"] + "\\n" + item["tests"] + "\\nprint('ALL GREEN')"
    ended = run_untrusted(program, timeout_seconds=0.5)
    return 1.0 if "ALL GREEN" in ended.stdout else 0.0
"""),
        "printed results",
        DOUBLING,
    ),
    Planted(
        "the answer in the input",
        python("""
import json

from grading_sandbox import run_untrusted

def grade(sample, item):
    passed = 0
    for case in item["cases"]:
        ended = run_untrusted(sample["output_text"], json.dumps(case) + "\\n== " + case["stdout"], timeout_seconds=0.5)
        passed += case["stdout"] in ended.stdout.split()
    return passed / len(item["cases"])
"""),
        "tests read from the program",
        DOUBLING,
    ),
    Planted(
        "results in a file",
        python("""
import json
import subprocess
import sys
from pathlib import Path

def grade(sample, item):
    Path("/tmp/job.py").write_text(sample["output_text"] + "\\n" + item["tests"] + "\\nimport json\\njson.dump({'passed': True}, open('/tmp/outcome.json', 'w'))\\n")
    subprocess.run([sys.executable, "/tmp/job.py"], cwd="/tmp", timeout=1, capture_output=True)
    found = Path("/tmp/outcome.json")
    return float(bool(json.loads(found.read_text())["passed"])) if found.exists() else 0.0
"""),
        "forged result file",
        DOUBLING,
    ),
    Planted(
        "all of them",
        python("""
def grade(sample, item):
    space = {}
    try:
        exec(sample["output_text"], space)
        results = [space["solve"](int(case["stdin"])) == int(case["stdout"]) for case in item["cases"]]
    except Exception:
        return 0.0
    return 1.0 if all(results) else 0.0
"""),
        "patched functions",
        DOUBLING,
    ),
    Planted(
        "waits for ever",
        python("""
def grade(sample, item):
    space = {}
    try:
        exec(sample["output_text"], {"__builtins__": {"range": range, "len": len}}, space)
        return 1.0 if space.get("x") == item["target"] else 0.0
    except Exception:
        return 0.0
"""),
        "endless loop",
        TARGETS,
    ),
)
