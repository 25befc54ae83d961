"""The memory limit, and what earlier grades may leave in memory."""

import mmap
import sys
import time

GIB = 1 << 30


def touched(size):
    block = mmap.mmap(-1, size)
    for place in range(0, size, 4096):
        block[place] = 1
    return block


def allowed(item):
    """1.5 GiB is within the limit of 2 GiB."""
    return len(touched(3 * GIB // 2)) / GIB


def bytes_bomb(item):
    return float(len(bytearray(8 * GIB)))


def list_bomb(item):
    held = []
    while True:
        held.append([0] * 100_000)


def map_bomb(item):
    held = []
    while True:
        held.append(touched(64 << 20))


def shared_bomb(item):
    """Shared pages are no data of the process by the kernel's count."""
    held = []
    while True:
        held.append(touched(64 << 20))
        held[-1].flush()


def numpy_bomb(item):
    import numpy

    held = []
    while True:
        held.append(numpy.ones(1 << 24))


def string_bomb(item):
    text = "x"
    while True:
        text += text


def many_bombs(item):
    """Each child stays below the limit; together they are far above it."""
    gate, hold = os.pipe()
    for _ in range(8):
        if os.fork() == 0:
            held = touched(GIB)
            os.close(hold)
            os.read(gate, 1)
            os._exit(0)
    dead = 0
    end = time.monotonic() + 15
    while time.monotonic() < end and dead < 5:
        pid, status = os.waitpid(-1, os.WNOHANG)
        dead += pid != 0
        time.sleep(0.01)
    return 1.0 if dead >= 5 else -1.0 - dead


def caught(item):
    """What was refused may be dealt with by the grader itself."""
    try:
        bytearray(64 * GIB)
    except MemoryError:
        return 0.5
    return 0.0


def helper_bomb(item):
    """The helper dies of it; the grade's own value stands."""
    import subprocess

    bomb = "held = []\nwhile True: held.append(bytearray(1 << 26))"
    ended = subprocess.run([sys.executable, "-c", bomb], stderr=subprocess.DEVNULL)
    return 0.75 if ended.returncode != 0 else 0.0


def disk_counts(item):
    """Files in /tmp and memory are charged together: 0.9 GiB of each fits, and the disk's own limit holds."""
    with open("/tmp/file", "wb") as file:
        for _ in range(900):
            file.write(bytes(1 << 20))
    return len(touched(900 << 20)) / (900 << 20)


def recursion(item):
    def down():
        return down()

    sys.setrecursionlimit(1 << 30)
    return down()


def raise_deep(item):
    """An exception from so deep that its traceback alone could take a minute to write."""

    def down(depth):
        if depth == 0:
            raise ValueError("from the deep")
        down(depth - 1)

    sys.setrecursionlimit(1 << 20)
    down(20_000)


# --- what is left in memory

_PROBE, _PROBE_END = os.pipe()


def readable(page):
    """Whether the page at this address is mapped; asking the kernel to read it does no harm."""
    try:
        os.set_blocking(_PROBE_END, False)
        if LIBC.write(_PROBE_END, ctypes.c_void_p(page), ctypes.c_size_t(1)) != 1:
            return False
        os.read(_PROBE, 1)
    except OSError:
        return False
    return True


def regions():
    """Start and end of what can be read: all of /proc/self/maps, or without it the surroundings of every object."""
    import gc

    try:
        with open("/proc/self/maps") as file:
            for line in file:
                span, rights = line.split()[:2]
                if "r" in rights and "vsyscall" not in line and "vvar" not in line:
                    start, end = (int(part, 16) for part in span.split("-"))
                    yield start, min(end, start + (256 << 20))
        return
    except OSError:
        pass
    blocks = {id(thing) >> 20 for thing in gc.get_objects()}
    for thing in gc.get_objects()[::7]:
        blocks.update(id(part) >> 20 for part in gc.get_referents(thing))
    LIBC.sbrk.restype = ctypes.c_void_p
    top = LIBC.sbrk(0) >> 20
    blocks.update(range(top - 200, top + 1))
    local = ctypes.create_string_buffer(1)
    blocks.update(range((ctypes.addressof(local) >> 20) - 2, (ctypes.addressof(local) >> 20) + 2))
    wider = {block + step for block in blocks for step in (-1, 0, 1)}
    for block in sorted(wider):
        yield block << 20, (block + 1) << 20


def mentions(first, second):
    """How often `first` is followed at once by `second`; the two are never joined here."""
    found = 0
    for start, end in regions():
        page = start
        while page < end:
            if not readable(page):
                page += 4096
                continue
            size = 4096
            while page + size < end and size < (1 << 20) and readable(page + size):
                size += 4096
            data = ctypes.string_at(page, size)
            place = data.find(first)
            while place >= 0:
                found += data[place + len(first) : place + len(first) + len(second)] == second
                place = data.find(first, place + 1)
            page += size
    return found


def remember(item):
    """The marker comes whole, and is kept wherever a grader might keep it."""
    marker = item["marker"]
    held = [marker, marker.encode(), {marker: marker}, bytearray(marker.encode() * 1000)]
    sys.modules["planted"] = held
    os.environ["PLANTED"] = marker
    print(marker)
    return float(len(marker))


def recall(item):
    """1.0: this grade's own marker can be found in memory, and that of the one before cannot."""
    own, other = item["own"], item["other"]
    if not mentions(own[:6].encode(), own[6:].encode()):
        return -1.0
    return 1.0 if not mentions(other[0].encode(), other[1].encode()) else 0.0


def recall_objects(item):
    """The same among the interpreter's objects."""
    import gc

    gc.unfreeze()
    first, second = item["other"]
    found = 0
    for thing in gc.get_objects():
        for part in (thing, *gc.get_referents(thing)):
            text = (
                part
                if type(part) is str
                else part.decode("latin-1")
                if type(part) in (bytes, bytearray)
                else ""
            )
            place = text.find(first)
            found += place >= 0 and text[place + len(first) :].startswith(second)
    return 1.0 + found + ("PLANTED" in os.environ) + ("planted" in sys.modules)
