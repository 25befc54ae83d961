"""What would run for ever; each must be ended at the time limit, and told so."""

import signal
import time


def sleep(item):
    time.sleep(100_000)


def loop(item):
    while True:
        pass


def loop_in_c(item):
    """No byte code between, so that no handler of a signal is ever called."""
    return float(sum(range(10**14)))


def power(item):
    return float(len(str(9**9**9)))


def regular_expression(item):
    import re

    return float(bool(re.match(r"(a|a)*$", "a" * 60 + "b")))


def swallow(item):
    """Nothing that is raised ends it."""
    while True:
        try:
            while True:
                time.sleep(0.001)
        except BaseException:
            continue


def deaf(item):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True:
        time.sleep(1)


def stopped(item):
    os.kill(os.getpid(), signal.SIGSTOP)


def wait_for_child(item):
    if os.fork() == 0:
        time.sleep(100_000)
    os.wait()


def read_input(item):
    """A pipe that nobody writes to."""
    read_end, write_end = os.pipe()
    os.read(read_end, 1)


def talk_for_ever(item):
    while True:
        os.write(1, b"x" * 65536)


def deadlock(item):
    import threading

    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def threads(item):
    import threading

    def spin():
        while True:
            pass

    for _ in range(4):
        threading.Thread(target=spin).start()
    spin()


def fork_for_ever(item):
    while True:
        try:
            os.fork()
        except OSError:
            continue


def answer_after_all(item):
    """Ends in the middle of its limit."""
    time.sleep(0.5)
    return 0.5
