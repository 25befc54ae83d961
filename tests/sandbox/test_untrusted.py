"""`run_untrusted`: a second child that has never seen the item, on every engine."""

import ast
from typing import Any

import pytest

from grader_service.errors import SourceRaised, TimeLimitExceeded
from grader_service.sandbox.base import Outcome, Program, Sandbox
from tests.sandbox.check import run

pytestmark = pytest.mark.asyncio(loop_scope="session")

GRADER = """
from grading_sandbox import run_untrusted

ANSWER = "the constant of the source"

def grade(sample, item):
    with open("/tmp/notes", "w") as file:
        file.write(item["secret"])
    ended = run_untrusted(sample["output_text"], item.get("stdin", ""), **item.get("limits", {}))
    if len(ended.stdout) > 10_000:
        print(dict(length=len(ended.stdout), same=ended.stdout == item.get("stdin"), timed_out=ended.timed_out))
    else:
        print({name: getattr(ended, name) for name in ("stdout", "stderr", "exit_status", "timed_out")})
    return 1
"""
SECRET = "Zq7Kx2mV9pT4"


async def finished(sandbox: Sandbox, program: str, **item: Any) -> dict[str, Any]:
    """What `run_untrusted` returned, as the grade has printed it."""
    seen = await run(sandbox, Program(GRADER, {"output_text": program}, {"secret": SECRET, **item}))
    assert isinstance(seen, Outcome), seen
    return dict(ast.literal_eval(seen.stdout))


async def test_program_reads_writes_and_ends(sandbox: Sandbox) -> None:
    program = "import sys\nprint(input() + '!')\nprint('aside', file=sys.stderr)\nsys.exit(3)\n"
    assert await finished(sandbox, program, stdin="hi\n") == {
        "stdout": "hi!\n",
        "stderr": "aside\n",
        "exit_status": 3,
        "timed_out": False,
    }


async def test_program_with_the_packages(sandbox: Sandbox) -> None:
    ended = await finished(sandbox, "import numpy\nprint(numpy.arange(3).sum())")
    assert (ended["stdout"], ended["stderr"]) == ("3\n", "")


@pytest.mark.parametrize(
    ("program", "status", "mention"),
    [
        ("1/0", 1, "ZeroDivisionError"),
        ("def", 1, "SyntaxError"),
        ("x = bytearray(1 << 30)", 1, "MemoryError"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", -9, ""),
        ("import os\nos._exit(7)", 7, ""),
    ],
)
async def test_program_that_fails(
    sandbox: Sandbox, program: str, status: int, mention: str
) -> None:
    ended = await finished(sandbox, program)
    assert (ended["exit_status"], ended["timed_out"]) == (status, False)
    assert mention in ended["stderr"]


@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "import sys\nwhile True: sys.stdout.write('x' * 100_000)",
        "import os, time\nos.close(1); os.close(2); time.sleep(60)",
        "import os, time\nif os.fork(): time.sleep(60)\nos.setsid()\ntime.sleep(60)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    ],
)
async def test_program_is_ended_at_its_time(sandbox: Sandbox, program: str) -> None:
    ended = await finished(sandbox, program, limits={"timeout_seconds": 0.5})
    assert ended["timed_out"]
    assert ended.get("length", 0) in (0, 1 << 20)


async def test_large_input_and_output_do_not_wait_for_each_other(sandbox: Sandbox) -> None:
    program = "import sys\nfor line in sys.stdin: sys.stdout.write(line)\n"
    text = ("x" * 99 + "\n") * 9_000
    assert (await finished(sandbox, program, stdin=text)) == {
        "length": 900_000,
        "same": True,
        "timed_out": False,
    }


async def test_orphan_does_not_keep_the_grade_waiting(sandbox: Sandbox) -> None:
    program = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\nprint('parent')\n"
    assert (await finished(sandbox, program))["stdout"] == "parent\n"


LOOK = """
import os
seen = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("mem", "environ", "maps", "fd", "root/tmp/notes", "cwd/notes"):
        path = f"/proc/{pid}/{name}"
        if int(pid) == os.getpid():
            continue
        try:
            seen.append((path, os.listdir(path) if name == "fd" else open(path, "rb").read(1)))
        except OSError:
            pass
for place in ("/tmp", "/dev/shm"):
    for name in os.listdir(place):
        try:
            seen.append((name, open(f"{place}/{name}").read()))
        except OSError:
            pass
own = open("/proc/self/maps").read()
for line in own.splitlines():
    span, mode = line.split()[:2]
    if not mode.startswith("r") or "[v" in line:
        continue
    start, end = (int(each, 16) for each in span.split("-"))
    with open("/proc/self/mem", "rb", 0) as memory:
        memory.seek(start)
        held = memory.read(end - start) or b""
    for first, second in ((b"Zq7Kx2", b"4Tp9Vm"), (b"the constant", b"ecruos eht fo ")):  # never whole in here
        at = held.find(first)
        while at >= 0:
            if held[at + len(first) : at + len(first) + len(second)][::-1] == second:
                seen.append((span, first))
            at = held.find(first, at + 1)
print(seen, sorted(os.listdir("/proc/self/fd")))
"""


async def test_program_finds_neither_item_nor_grader(sandbox: Sandbox) -> None:
    """In no process, in no file, and nowhere in its own memory."""
    assert (await finished(sandbox, LOOK))["stdout"] == "[] ['0', '1', '2', '3']\n"


async def test_program_cannot_end_the_grade(sandbox: Sandbox) -> None:
    program = (
        "import os\nfor pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "    if int(pid) != os.getpid():\n"
        "        try: os.kill(int(pid), 9)\n"
        "        except OSError: pass\n"
        "print('tried')\n"
    )
    assert (await finished(sandbox, program))["stdout"] in ("tried\n", "")


async def test_programs_do_not_meet(sandbox: Sandbox) -> None:
    """One after the other and at once: the files and daemons of one are not those of another."""
    grader = """
from concurrent.futures import ThreadPoolExecutor
from grading_sandbox import run_untrusted
PLANT = "import os\\nopen('/tmp/left', 'w').write('planted')\\nif os.fork() == 0:\\n    import time\\n    time.sleep(60)\\n"
LOOK = "import os\\ntry: print(open('/tmp/left').read())\\nexcept OSError: print('nothing')\\n"
def grade(sample, item):
    run_untrusted(PLANT)
    first = run_untrusted(LOOK).stdout
    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(lambda n: run_untrusted(f"print({n} ** 2)").stdout, range(8)))
    assert ends == [f"{n ** 2}\\n" for n in range(8)], ends
    return first == "nothing\\n"
"""
    seen = await run(sandbox, Program(grader, {}, {}))
    assert isinstance(seen, Outcome), seen
    assert seen.value == 1


async def test_too_many_at_once_is_said(sandbox: Sandbox) -> None:
    grader = """
from concurrent.futures import ThreadPoolExecutor
from grading_sandbox import run_untrusted
def grade(sample, item):
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda n: run_untrusted("import time\\ntime.sleep(1)"), range(20)))
    return 1
"""
    seen = await run(sandbox, Program(grader, {}, {}))
    assert isinstance(seen, SourceRaised), seen
    assert "too many run already" in seen.details


async def test_its_time_is_the_grades_time(hurried: Sandbox) -> None:
    grader = "from grading_sandbox import run_untrusted\ndef grade(s, i):\n    run_untrusted('while True: pass')\n"
    assert isinstance(await run(hurried, Program(grader, {}, {})), TimeLimitExceeded)


FORGERIES = {
    "no descriptors": "channel.send(head.pack(b'U', 16, bytes(16)) + struct.pack('!dQ', 1, 1 << 28))",
    "wrong size": "socket.send_fds(channel, [head.pack(b'U', 3, bytes(16)) + b'abc'], [0, 0, 0, 0, 1])",
    "not a number": "socket.send_fds(channel, [head.pack(b'U', 16, bytes(16)) + struct.pack('!dQ', float('nan'), 1)], [0, 0, 0, 0, 1])",
    "endless": "socket.send_fds(channel, [head.pack(b'U', 16, bytes(16)) + struct.pack('!dQ', float('inf'), 2**64 - 1)], [0, 0, 0, 0, 1])",
    "many descriptors": "socket.send_fds(channel, [head.pack(b'U', 16, bytes(16)) + struct.pack('!dQ', 1, 1 << 28)], [0] * 200)",
    "surplus": "[socket.send_fds(channel, [b'x' * 3], [0] * 8) for _ in range(100)]",
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_forged_calls_cost_the_forger_alone(name: str, sandbox: Sandbox) -> None:
    grader = f"""
import os, socket, struct
head = struct.Struct("!cI16s")
def grade(sample, item):
    if sample:
        channel = socket.socket(fileno=3)
        {FORGERIES[name]}
        channel.detach()
    return item["n"] / 7
"""
    seen = await run(sandbox, Program(grader, {"attack": True}, {"n": 1}))
    assert not isinstance(seen, Outcome) or seen.value == 1 / 7
    for n in range(4):
        seen = await run(sandbox, Program(grader, {}, {"n": n}))
        assert isinstance(seen, Outcome), seen
        assert seen.value == n / 7
