"""`run_untrusted`: code that a model wrote, run apart from the grader that has seen the item."""

import threading
import time

from grading_sandbox import run_untrusted

SECRET_LENGTH = 16

SPY = """
import gc, os, sys
found = []
def note(where, data):
    if data and HEAD in data and data[data.index(HEAD) + len(HEAD):].startswith(TAIL):
        found.append(where)
HEAD, TAIL = {head!r}, {tail!r}
frame = sys._getframe()
while frame:
    note("frame", repr((list(frame.f_locals.items()), list(frame.f_globals))).encode().replace(repr(HEAD).encode(), b""))
    frame = frame.f_back
for name, value in os.environb.items():
    note("environ " + name.decode(), value)
looked = 0
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline", "mem", "maps", "stat", "comm"):
        if name == "mem" and int(pid) == os.getpid():
            continue
        try:
            with open(f"/proc/{{pid}}/{{name}}", "rb") as file:
                looked += 1
                note(f"{{name}} of {{pid}}", file.read(1 << 20))
                if name in ("mem", "maps") and int(pid) != os.getpid():
                    found.append(f"opened {{name}} of {{pid}}")
        except OSError:
            pass
    try:
        for handle in os.listdir(f"/proc/{{pid}}/fd"):
            if int(pid) != os.getpid():
                found.append(f"descriptors of {{pid}}")
    except OSError:
        pass
for place in ("/tmp", "/dev/shm", "/var/tmp", "."):
    for folder, _, files in os.walk(place):
        for name in files:
            try:
                note(f"{{folder}}/{{name}}", open(f"{{folder}}/{{name}}", "rb").read())
            except OSError:
                pass
for handle in range(3, 1024):
    try:
        os.fstat(handle)
        found.append(f"descriptor {{handle}}")
    except OSError:
        pass
print(looked > 0, len(sys.argv), "item" in globals(), "sample" in globals(), found)
"""


def sees_nothing(item):
    """The item is in the grader's memory, environment and files; the program looks everywhere."""
    secret = item["secret"]
    os.environ["SECRET"] = secret
    for place in ("/tmp/secret.txt", "/dev/shm/secret.txt"):
        with open(place, "w") as file:
            file.write(secret)
    spy = SPY.format(head=secret[:5].encode(), tail=secret[5:].encode())
    done = run_untrusted(spy)
    if done.stdout.strip() != "True 1 False False []":
        raise AssertionError(done.stdout + done.stderr)
    return 1.0


def streams(item):
    code = "import sys\ntext = sys.stdin.read()\nprint(text.upper())\nprint('to err', file=sys.stderr)\nsys.exit(3)"
    done = run_untrusted(code, stdin="abc é")
    return all_true(
        done.stdout == "ABC É\n",
        done.stderr == "to err\n",
        done.exit_status == 3,
        done.timed_out is False,
    )


def endings(item):
    """Exit statuses and signals, each as it was."""
    codes = {
        "pass": 0,
        "raise SystemExit(7)": 7,
        "1/0": 1,
        "def": 1,
        "import os; os._exit(9)": 9,
        "import os; os.kill(os.getpid(), 9)": -9,
        "import os; os.abort()": -6,
        "import ctypes; ctypes.string_at(0)": -11,
    }
    seen = {code: run_untrusted(code) for code in codes}
    facts = [
        seen[code].exit_status == status and not seen[code].timed_out
        for code, status in codes.items()
    ]
    return all_true(
        *facts, "ZeroDivisionError" in seen["1/0"].stderr, "SyntaxError" in seen["def"].stderr
    )


def time_limit(item):
    """Endless ones are ended and said to be; nothing waits for the pipe that a daemon keeps open."""
    endless = {
        "while True: pass": True,
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)": True,
        "import time, signal; signal.signal(15, signal.SIG_IGN); time.sleep(1000)": True,
        "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(1000)": False,
    }
    began = time.monotonic()
    facts = []
    for code, timed_out in endless.items():
        done = run_untrusted(code, timeout_seconds=0.5)
        facts.append(done.timed_out is timed_out and done.exit_status == (-9 if timed_out else 0))
    return all_true(*facts, time.monotonic() - began < 10)


def memory_limit(item):
    bomb = "held = bytearray(1 << 30)"
    done = run_untrusted(bomb, memory_bytes=256 << 20)
    fits = run_untrusted(bomb + "\nprint(len(held))", memory_bytes=3 << 29)
    return all_true(
        done.exit_status != 0, "MemoryError" in done.stderr, fits.stdout == f"{1 << 30}\n"
    )


def floods(item):
    """Output without end is cut; input that nobody reads blocks nobody."""
    talker = run_untrusted(
        "import os\nfor _ in range(200): os.write(1, b'x' * (1 << 20)); os.write(2, b'y' * (1 << 20))"
    )
    deaf = run_untrusted("print('deaf')", stdin="z" * (8 << 20))
    shut = run_untrusted("import os; os.close(0); print('shut')", stdin="z" * (8 << 20))
    odd = run_untrusted("import os; os.write(1, b'a\\xff\\x00b')")
    return all_true(
        talker.exit_status == 0,
        1000 < len(talker.stdout) <= 2 << 20 and set(talker.stdout[:1000]) == {"x"},
        1000 < len(talker.stderr) <= 2 << 20,
        deaf.stdout == "deaf\n",
        shut.stdout == "shut\n",
        odd.stdout == "a\ufffd\0b",
    )


def running(name):
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found += open(f"/proc/{pid}/comm").read().strip() == name
        except OSError:
            continue
    return found


LEAVER = """
import os, time, ctypes
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(15, b"leftover", 0, 0, 0)
            open("/tmp/planted", "w").close()
            time.sleep(600)
        os._exit(0)
    os.wait()
time.sleep(0.3)
"""


def leaves_daemons(item):
    """What a program has started ends with it, while the grade goes on."""
    done = run_untrusted(LEAVER)
    for _ in range(100):
        if not running("leftover"):
            break
        time.sleep(0.02)
    return all_true(done.exit_status == 0, running("leftover") == 0)


def look(item):
    left = [name for place in ("/tmp", "/dev/shm") for name in os.listdir(place)]
    return 1.0 + len(left) + running("leftover")


def attacks(item):
    """The program reaches for the grader and for everyone else; the grader goes on and has its value."""
    code = (
        "import os, signal\n"
        "for target in (-1, os.getppid(), *map(int, filter(str.isdigit, os.listdir('/proc')))):\n"
        "    if target in (0, os.getpid()): continue\n"
        "    for number in (signal.SIGSTOP, signal.SIGKILL):\n"
        "        try: os.kill(target, number)\n"
        "        except OSError: pass\n"
        "print('went on')\n"
    )
    done = run_untrusted(code)
    again = run_untrusted("print(6 * 7)")
    return all_true(done.stdout == "went on\n", done.exit_status == 0, again.stdout == "42\n")


PLANTER = """
import os
code = "print('PLANTED', flush=True)\\n"
places = ["/tmp", ".", "/dev/shm", os.path.expanduser("~"), "/tmp/.local/lib/python3.11/site-packages"]
for place in places:
    try:
        os.makedirs(place, exist_ok=True)
    except OSError:
        continue
    for name in ("json.py", "sitecustomize.py", "usercustomize.py", "planted.pth", "random.py", "numpy.py"):
        try:
            with open(f"{place}/{name}", "w") as file:
                file.write(("import sys; " if name.endswith("pth") else "") + code)
            os.chmod(f"{place}/{name}", 0o644)
        except OSError:
            pass
    folder = place
    while folder.startswith("/tmp/"):
        os.chmod(folder, 0o755)
        folder = os.path.dirname(folder)
print("done")
"""


def plants_modules(item):
    """The program leaves modules where Python looks first; one that the grader then starts must not load them."""
    import subprocess
    import sys

    done = run_untrusted(PLANTER)
    told = subprocess.run(
        [sys.executable, "-c", "import json, random"], capture_output=True, text=True
    )
    import random  # in the grader itself

    return all_true(
        done.stdout == "done\n",
        "PLANTED" not in told.stdout + told.stderr and told.returncode == 0,
        "/tmp" not in (random.__file__ or ""),
    )


def forks_without_end(item):
    """A fork bomb inside; afterwards there is room again."""
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    done = run_untrusted(bomb, timeout_seconds=0.5)
    after = [
        run_untrusted(
            "import subprocess; print(subprocess.run(['/bin/echo', 'ok'], capture_output=True, text=True).stdout)"
        )
        for _ in range(3)
    ]
    return all_true(done.timed_out, *(each.stdout.strip() == "ok" for each in after))


def no_way_back(item):
    """The program cannot answer for the grade, nor start programs itself."""
    code = (
        "import os, struct\n"
        "for handle in range(3, 256):\n"
        "    for kind in (b'V', b'U', b'A'):\n"
        "        try: os.write(handle, struct.pack('!cI16sd', kind, 8, bytes(16), 1.0))\n"
        "        except OSError: pass\n"
        "try:\n"
        "    from grading_sandbox import run_untrusted\n"
        "    run_untrusted('print(1)', timeout_seconds=1)\n"
        "except Exception as error: print('refused')\n"
        "else: print('started')\n"
    )
    done = run_untrusted(code)
    return 0.25 if done.stdout == "refused\n" else 1.0


def refused_calls(item):
    """The same walls around it: no user namespaces, no tracing, no sockets out, no other identity, nothing to write to."""
    code = (
        "import ctypes, os, platform, socket\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "refused = 0\n"
        "numbers = {'x86_64': (272, 101, 425, 29), 'aarch64': (97, 117, 425, 194)}[platform.machine()]\n"
        "arguments = ((0x10000000,), (0, 0, 0, 0), (8, 0), (1, 4096, 0o1600))\n"
        "for number, args in zip(numbers, arguments):\n"
        "    refused += libc.syscall(number, *args) == -1 and ctypes.get_errno() in (1, 38)\n"
        "for call in (lambda: os.setuid(0), lambda: socket.socket(40, 1), lambda: open('/usr/planted', 'w'), lambda: os.nice(-1)):\n"
        "    try: call()\n"
        "    except OSError: refused += 1\n"
        "print(refused, 0 in (os.getuid(), os.getgid()), len(os.environ) < 12)\n"
    )
    done = run_untrusted(code)
    return 1.0 if done.stdout == "8 False True\n" else -1.0


def at_once(item):
    """Many that end at nearly the same moment: each answer comes, and belongs to its own program."""
    answers = {}

    def ask(number):
        answers[number] = run_untrusted(f"print({number})", timeout_seconds=20)

    began = time.monotonic()
    for batch in range(4):
        threads = [threading.Thread(target=ask, args=(batch * 10 + index,)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    right = [
        answers[each].stdout == f"{each}\n" and answers[each].exit_status == 0 for each in answers
    ]
    return all_true(len(answers) == 32, *right, time.monotonic() - began < 18)


def one_after_the_other(item):
    return float(sum(int(run_untrusted(f"print({number})").stdout) for number in range(40)))


def own_end(item):
    """A grade that ends while a program of its own still runs."""
    threading.Thread(
        target=run_untrusted,
        args=("import time; time.sleep(600)",),
        kwargs={"timeout_seconds": 600},
        daemon=True,
    ).start()
    time.sleep(0.3)
    return 0.5


def example(item):
    """The use it is made for: how many of the item's cases the sample's code solves."""
    solved = 0
    for given, expected in item["cases"]:
        done = run_untrusted(item["code"], stdin=given, timeout_seconds=5)
        solved += done.exit_status == 0 and done.stdout.strip() == expected
    return solved / len(item["cases"])
