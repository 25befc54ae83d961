"""A grade changes everything that an interpreter has; the next one must see none of it."""

import builtins
import decimal
import gc
import json
import locale
import math
import random
import signal
import sys
import threading
import warnings

import grading_sandbox

counter = [0]
true_len, true_loads = len, json.loads


class Resurrected:
    """Speaks when it is taken away, at the latest as the interpreter ends."""

    def __del__(self):
        counter[0] += 1000
        os.write(1, b"from the grave\n")


def spoil(item):
    """1.0 once everything is spoilt."""
    import atexit

    counter[0] += 1
    atexit.register(lambda: os.write(1, b"at the end\n"))
    builtins.planted = Resurrected()
    builtins.len = lambda *_: 7
    builtins.print = builtins.open = builtins.__import__ = lambda *_, **__: None
    json.loads = lambda *_, **__: {"planted": 1}
    json.dumps = lambda *_, **__: "1.0"
    math.sqrt = lambda *_: 7.0
    os.write = os.read = lambda *_: 0
    os.getpid = lambda: 1
    grading_sandbox.run_untrusted = lambda *_, **__: None
    sys.modules["random"] = sys.modules["decimal"] = json
    sys.meta_path.insert(0, object())
    sys.path_hooks.clear()
    sys.path[:] = ["/tmp"]
    sys.setrecursionlimit(50_000)
    sys.setswitchinterval(10)
    sys.settrace(lambda *_: None)
    sys.setprofile(lambda *_: None)
    sys.excepthook = sys.unraisablehook = sys.displayhook = lambda *_: None
    sys.argv[:] = ["planted"]
    gc.disable()
    decimal.getcontext().prec = 1
    random.seed(12345)
    warnings.simplefilter("error")
    locale.setlocale(locale.LC_ALL, "C")
    os.environ["PLANTED"] = "1"
    os.environ.pop("PATH", None)
    os.umask(0)
    os.chdir("/")
    os.nice(5)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGCHLD})
    threading.settrace(lambda *_: None)
    threading.stack_size(1 << 20)
    with_ctypes = ctypes.c_char.from_address(id(7) + 24)
    with_ctypes.value = b"\x08"  # the number 7 is 8 from here on
    return 1.0


def look(item):
    """1.0 where nothing of it is left; else the negated number of the first fact that does not hold."""
    seven = int("6") + 1
    return all_true(
        counter == [0],  # 1
        not hasattr(builtins, "planted"),
        builtins.len is true_len and len("ab") == 2,
        json.loads("[1]") == [1] and json.dumps("x") == '"x"',
        math.sqrt(4) == 2.0,  # 5
        os.getpid() > 1,
        callable(grading_sandbox.run_untrusted)
        and grading_sandbox.run_untrusted.__module__ == "grading_sandbox",
        sys.modules["random"] is random and sys.modules["decimal"] is decimal,
        all(type(finder) is not object for finder in sys.meta_path) and len(sys.path_hooks) > 0,
        "/tmp" not in sys.path[:1] or len(sys.path) > 1,  # 10
        sys.getrecursionlimit() < 50_000 and sys.getswitchinterval() < 1,
        sys.gettrace() is None and sys.getprofile() is None,
        sys.excepthook is sys.__excepthook__ and sys.unraisablehook is sys.__unraisablehook__,
        "planted" not in sys.argv,
        gc.isenabled(),  # 15
        decimal.getcontext().prec == 28,
        not any(action == "error" for action, *_ in warnings.filters),
        "PLANTED" not in os.environ and "PATH" in os.environ,
        os.umask(0o77) != 0,
        os.getcwd() == "/tmp",  # 20
        signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
        not signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        threading.stack_size() == 0,
        seven * 1 == 3 + 4 and str(seven) == "7",
        threading.active_count() == 1,
    )


def niceness(item):
    """Whatever it is at first, it is that for every grade."""
    before = os.nice(0)
    os.nice(3)
    return float(before)


def count(item):
    """The module is a new one for every grade."""
    counter[0] += 1
    return float(counter[0])


def draw(item):
    """From everything that is random: the same for every grade."""
    import time

    return (
        random.random()
        + random.getrandbits(20)
        + hash("text") % 1000
        + sum(map(hash, {"a", "b"})) % 1000
        + time.timezone
    )


def draw_numpy(item):
    import numpy

    return float(
        numpy.random.rand()
        + numpy.random.standard_normal(1000).sum()
        + numpy.random.randint(1 << 30)
    )


def surroundings(item):
    import time

    return all_true(
        time.tzname[0] == "UTC",
        sys.getfilesystemencoding() == "utf-8",
        sys.stdout.encoding == "utf-8",
        locale.getpreferredencoding(False).lower() in ("utf-8", "utf8"),
        sys.flags.hash_randomization == 0,
        os.environ.get("OMP_NUM_THREADS") == "1",
        sys.version_info[:2] == (3, 11) or True,
    )
