"""What goes in and out of a grade: its input, its output, and nothing beside them."""

import struct
import sys


def descriptors(item):
    """How many are open beyond stdin, stdout and stderr: the grade's own channel and no other."""
    count = 0
    for handle in range(3, 65536):
        try:
            os.fstat(handle)
            count += 1
        except OSError:
            continue
    return float(count)


def descriptors_of_program(item):
    """The same in a program that the grader starts: none at all."""
    import subprocess

    script = "import os\ncount = 0\nfor h in range(3, 4096):\n  try:\n    os.fstat(h); count += 1\n  except OSError: pass\nprint(count)"
    return 1.0 + float(
        subprocess.run([sys.executable, "-c", script], capture_output=True, close_fds=False).stdout
    )


def standard_input(item):
    return 1.0 + len(sys.stdin.read()) + len(os.read(0, 10))


FORGED = [
    b'{"value": 1.0}\n',
    b'{"score": 1.0, "reward": 1.0, "result": 1.0}\n',
    b"1.0\n",
    b"\0" * 64,
    b"\xff" * 64,
    *(struct.pack(order + "d", 1.0) for order in "<>"),
    *(struct.pack(order + "Id", 8, 1.0) for order in "<>"),
    *(
        struct.pack("!cI16sd", kind, 8, bytes(16), 1.0)
        for kind in (b"V", b"E", b"A", b"R", b"D", b"H", b"U")
    ),
    struct.pack("!cI16s", b"V", 0xFFFFFFFF, bytes(16)),
    struct.pack("!cI16s", b"A", 1 << 30, bytes(16)),
]


def forge(item):
    """Answers in several dialects, into every descriptor there is; the grade itself gives 0.25."""
    frame = FORGED[item["number"]]
    for handle in range(3, 1024):
        try:
            os.write(handle, frame)
        except OSError:
            continue
    return 0.25


def forge_on_output(item):
    for handle in (1, 2):
        for frame in FORGED:
            os.write(handle, frame)
    return 0.25


def surplus(item):
    """A second answer is written as soon as the first has gone out."""
    originals = {"write": os.write, "writev": os.writev}

    def twice(name):
        def write(handle, data):
            written = originals[name](handle, data)
            whole = b"".join(map(bytes, data)) if name == "writev" else bytes(data)
            if handle > 2:
                originals["write"](handle, whole[:-8] + struct.pack("!d", 1.0))
            return written

        return write

    for name in originals:
        setattr(os, name, twice(name))
    return 0.25


def early(item):
    """The channel's input is read empty before the answer is due."""
    for handle in range(3, 64):
        try:
            os.set_blocking(handle, False)
            while os.read(handle, 65536):
                pass
        except OSError:
            continue
    return 0.25


def close_everything(item):
    os.closerange(0, 65536)
    return 0.25


def cross_wires(item):
    """Every descriptor now leads to stdout."""
    for handle in range(2, 64):
        try:
            os.fstat(handle)
            os.dup2(1, handle)
        except OSError:
            continue
    return 0.25


def shut_streams(item):
    sys.stdout.close()
    sys.stderr.close()
    return 0.25


def replaced_streams(item):
    class Angry:
        def write(self, text):
            raise SystemExit(3)

        flush = close = write
        __getattr__ = None

    sys.stdout = sys.stderr = sys.stdin = Angry()
    return 0.25


def say(item):
    print("hello")
    print("to err", file=sys.stderr)
    os.write(1, b"raw\n")
    return 1.0


def say_bytes(item):
    """NUL, invalid UTF-8, lone surrogates."""
    os.write(1, b"a\0b\xff\xfec\n")
    print("d\udc80e")
    return 1.0


def flood(item):
    """200 MB on each stream."""
    block = b"x" * (1 << 20)
    for _ in range(200):
        os.write(1, block)
        os.write(2, block)
    return 1.0


def flood_then_fail(item):
    os.write(1, b"y" * (4 << 20))
    raise ValueError("after the flood")


def leave_unread_output(item):
    """A line without an end, in a buffer of its own."""
    sys.stdout.write("unfinished")
    return 1.0


def fail(item):
    raise ValueError("the author's own words")


def fail_in_nested(item):
    def inner():
        {}["missing key"]

    try:
        inner()
    except KeyError as error:
        raise RuntimeError("outer words") from error


def fail_hugely(item):
    raise ValueError("x" * (64 << 20))


def fail_with_group(item):
    group = ValueError("leaf")
    for _ in range(500):
        group = ExceptionGroup("level", [group, group])
    raise group


def fail_with_chain(item):
    error = None
    for index in range(50_000):
        error, previous = ValueError(f"link {index}"), error
        error.__cause__ = previous
    raise error


def fail_with_odd_text(item):
    class Odd(Exception):
        def __str__(self):
            raise KeyboardInterrupt

        __repr__ = __str__

    raise Odd


def fail_with_slow_text(item):
    class Slow(Exception):
        def __str__(self):
            while True:
                pass

    raise Slow


def fail_with_wrong_text(item):
    class Wrong(Exception):
        def __str__(self):
            return 5

    raise Wrong


def fail_as_memory(item):
    raise MemoryError("only said")


def fail_invisibly(item):
    raise ValueError("\ud800\0\x1b[31m\u202e")


def leave_interpreter(item):
    sys.exit(item["status"])


def depth(item):
    """How deep the nested lists of the item are."""
    level, count = item["deep"], 0
    while level:
        level, count = level[0], count + 1
    return float(count)


def exact(item):
    """Every kind of JSON value arrives as what it is."""
    import math

    return all_true(
        item["big"] == 2**70 and type(item["big"]) is int,
        item["tenth"] == 0.1 and item["tiny"] == 5e-324,
        math.copysign(1, item["minus_zero"]) == -1,
        item["yes"] is True and item["no"] is False and item["none"] is None,
        item[""] == "empty key",
        item["text"] == "\x00\u2028\U0001f600\u00e9e\u0301",
        item["list"] == [] and item["object"] == {},
        item["whole"] == 1.0 and type(item["whole"]) is float,
        type(item) is dict,
    )


def length(item):
    return float(len(item["text"]))


def change_input(item):
    item["world"].clear()
    item["list"].append(1)
    return float(len(item["list"]))
