"""Processes: those of others must not be reached, those of a grade must end with it."""

import signal
import time


def named(name):
    """Give this process a name that others can read in /proc."""
    LIBC.prctl(15, ctypes.c_char_p(name.encode()), 0, 0, 0)


def daemon(work, name="leftover"):
    """Double fork and a session of its own, with every pipe of the grade still open."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            named(name)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM):
                signal.signal(number, signal.SIG_IGN)
            try:
                work()
            finally:
                os._exit(0)
        os._exit(0)
    os.wait()


def running(name="leftover"):
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found += open(f"/proc/{pid}/comm").read().strip() == name
        except OSError:
            continue
    return found


def wait_for(name="leftover"):
    for _ in range(200):
        if running(name):
            return True
        time.sleep(0.01)
    return False


def leave_daemon(item):
    daemon(lambda: time.sleep(600))
    return 1.0 if wait_for() else -1.0


def leave_many(item):
    for _ in range(10):
        daemon(lambda: time.sleep(600))
    return 1.0 if wait_for() else -1.0


def leave_stopped(item):
    """A stopped process does not see SIGTERM, and waits for nothing."""
    daemon(lambda: os.kill(os.getpid(), signal.SIGSTOP))
    return 1.0 if wait_for() else -1.0


def leave_busy(item):
    def spin():
        while True:
            pass

    daemon(spin)
    return 1.0 if wait_for() else -1.0


def leave_forking(item):
    """A process that is never there for long: each lives as a new one."""

    def hop():
        while True:
            if os.fork():
                os._exit(0)
            named("leftover")

    daemon(hop)
    return 1.0 if wait_for() else -1.0


def leave_thread(item):
    import threading

    threading.Thread(target=time.sleep, args=(600,), daemon=False).start()
    return 1.0


def leave_executed(item):
    import subprocess

    subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
    return 1.0


def look(item):
    """1.0 + the processes that an earlier grade left."""
    return 1.0 + running() + running("sleep")


def leave_writer(item):
    """Goes on writing into every descriptor that the grade had: answers, and lines of output."""
    import struct

    bodies = [struct.pack(order + "d", 1.0) for order in "<>"]
    heads = [struct.pack("!cI16s", kind, 8, bytes(16)) for kind in (b"V", b"A", b"R")]
    forged = [
        b'{"value": 1.0}\n',
        b"1.0\n",
        *bodies,
        *(head + body for head in heads for body in bodies),
    ]

    def write():
        while True:
            for handle in range(64):
                for frame in forged:
                    try:
                        os.set_blocking(handle, False)
                        os.write(handle, frame + b"LEFTOVER\n" * (handle in (1, 2)))
                    except OSError:
                        break

    daemon(write)
    return 1.0 if wait_for() else -1.0


def leave_replayer(item):
    """Catches the true answer as it is written, and sends it again for ever, for the next grade to take."""
    caught = []
    originals = {name: getattr(os, name) for name in ("write", "writev")}

    def replay():
        while True:
            for handle, data in caught:
                try:
                    originals["write"](handle, data)
                except OSError:
                    pass

    def catch(name):
        def write(handle, data):
            whole = b"".join(map(bytes, data)) if name == "writev" else bytes(data)
            if handle > 2:
                caught.append((handle, whole))
                daemon(replay)
            return originals[name](handle, data)

        return write

    for name in originals:
        setattr(os, name, catch(name))
    return 1.0


def kill_everyone(item):
    """kill(-1) reaches nobody but this grade's own, and this grade goes on."""
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
    try:
        os.kill(-1, signal.SIGKILL)
    except OSError:
        pass
    pid, status = os.wait()
    return all_true(pid > 0, os.waitstatus_to_exitcode(status) == -9)


def stop_everyone(item):
    """As above with a signal that would make a watcher sleep, and one that would make it stumble."""
    for number in (signal.SIGSTOP, signal.SIGUSR1, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN) if number != signal.SIGSTOP else None
        try:
            os.kill(-1, number)
        except OSError:
            continue
    return 1.0


def signal_others(item):
    """Every single process in sight: not permitted; or it is the first of a namespace of this grade's own."""
    facts, own_namespace = [], os.getppid() == 0
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if pid == os.getpid():
            continue
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
            try:
                os.kill(pid, number)
            except OSError as error:
                facts.append(error.errno in (errno.EPERM, errno.ESRCH))
            else:
                time.sleep(0.02)
                facts.append(pid == 1 and own_namespace)
    return all_true(*facts)


def limits_of_others(item):
    """Nobody's limits, priority or processors but this grade's own. A parent of another namespace cannot be named."""
    import resource

    parent = os.getppid()
    if parent == 0:
        others = set(map(int, filter(str.isdigit, os.listdir("/proc")))) - {1, os.getpid()}
        return 1.0 + len(others)
    return all_refused(
        [
            lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE, (3, 3)),
            lambda: os.setpriority(os.PRIO_PROCESS, parent, 19),
            lambda: os.sched_setaffinity(parent, {0}),
        ]
    )


def fork_bomb(item):
    """How many children can be had at once; -1.0 where 5,000 were not too many."""
    gate, hold = os.pipe()
    for count in range(5000):
        try:
            if os.fork() == 0:
                os.close(hold)
                os.read(gate, 1)
                os._exit(0)
        except OSError as error:
            return float(count) if error.errno == errno.EAGAIN else -100.0 - error.errno
    return -1.0


def fork_for_ever(item):
    while True:
        try:
            os.fork()
        except OSError:
            continue


def thread_bomb(item):
    """How many threads can be had at once; -1.0 where 20,000 were not too many."""
    import threading

    threading.stack_size(64 * 1024)
    end = threading.Event()
    threads = []
    try:
        for count in range(20_000):
            thread = threading.Thread(target=end.wait)
            try:
                thread.start()
            except (RuntimeError, MemoryError):
                return float(count)
            threads.append(thread)
    finally:
        end.set()
        for thread in threads:
            thread.join()
    return -1.0


def descriptors_exhausted(item):
    """How many files can be opened at once; -1.0 where 200,000 were not too many."""
    opened = []
    for count in range(200_000):
        try:
            opened.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as error:
            return (
                float(count)
                if error.errno in (errno.EMFILE, errno.ENFILE)
                else -100.0 - error.errno
            )
    return -1.0


def pipes_filled(item):
    """Buffers of pipes and sockets are memory of the kernel's: they must count, or be few."""
    filled, handles = 0, []
    try:
        while filled < 8 << 30:
            read_end, write_end = os.pipe()
            handles += [read_end, write_end]
            os.set_blocking(write_end, False)
            try:
                while True:
                    filled += os.write(write_end, bytes(1 << 16))
            except BlockingIOError:
                continue
    except OSError as error:
        return (
            1.0
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM) and filled < 2 << 30
            else 0.0
        )
    return -1.0


def kill_self(item):
    os.kill(os.getpid(), getattr(signal, item["signal"]))
    time.sleep(600)


def segfault(item):
    ctypes.string_at(0)


def leave(item):
    os._exit(item["status"])


def become(item):
    """Replaced by another program: it cannot answer."""
    os.execv("/bin/sh", ["sh", "-c", "echo 1.0; exit 0"])


def end_from_thread(item):
    import threading

    threading.Thread(target=os._exit, args=(0,)).start()
    time.sleep(600)


def fork_and_return_twice(item):
    """Both copies come back from grade: one answer counts, and it is that of the process that was asked."""
    asked = os.getpid()
    os.fork()
    if os.getpid() != asked:
        return 1.0
    time.sleep(0.1)
    return 0.25


def stray_output(item):
    """1.0; whatever an earlier grade still had to say must not come out here."""
    time.sleep(0.2)
    print("mine")
    return 1.0
