"""What *sandboxed* means: one list of checks, written against the seam alone, that every engine must pass.

A check is a program with one or more steps, run one after the other on the same source, so that a
later step sees what an earlier one left. Programs return what they observed inside: 1.0 says
"refused" or "as it must be", anything else says what was seen instead. An error counts as passed only
where that very error is what must happen. After its steps, each check asks the same source for a plain
grade, several times, whose value must be right: an attack that costs the next grade its reward has succeeded.

The programs lie in `programs/`; each file is sent whole, between `prelude.py` and `footer.py`.
"""

import itertools
import struct
from collections.abc import Iterator
from typing import Any

from grader_service.errors import (
    BadReturnValue,
    MemoryLimitExceeded,
    ProcessKilled,
    SourceRaised,
    TextTooLarge,
    TimeLimitExceeded,
)
from tests.sandbox.check import Check, Step
from tests.sandbox.expect import Judge, any_of, between, fails, output_at_most, value

OUTPUT_LIMIT = 64 * 1024 + 100
REFUSED = value(1.0)
NOT_ANSWERED = any_of(value(0.25), fails(ProcessKilled))
"""For grades that ruin their own channel: their own value, or told as killed; never the value they forge."""


def _refusals(program: str, *acts: str) -> Iterator[Check]:
    for act in acts:
        yield Check(act, program, (Step(act, REFUSED),))


def _left(program: str, planted: Judge, *acts: str, look: str = "look") -> Iterator[Check]:
    """The first grade plants, three later ones look: one might be served by another worker."""
    for act in acts:
        yield Check(act, program, (Step(act, planted), *(Step(look, REFUSED),) * 3))


def _pairs(*names: str) -> Iterator[Check]:
    """Programs of `ipc`: what may be refused already, and must be gone if it is not."""
    planted = any_of(value(1.0), value(2.0))
    for name in names:
        yield Check(
            name, "ipc", (Step(f"plant_{name}", planted), *(Step(f"look_{name}", REFUSED),) * 3)
        )


def _kernel() -> Iterator[Check]:
    yield from _refusals(
        "kernel",
        *(
            "io_uring",
            "ptrace",
            "other_memory",
            "stolen_descriptor",
            "keyrings",
            "bpf",
            "namespaces",
            "mounts",
        ),
        *(
            "machine",
            "file_handles",
            "personality",
            "anonymous_file",
            "root_again",
            "privileges",
            "limits_raised",
        ),
        *("priority", "devices"),
    )
    yield from _pairs(
        *(
            "shared_memory",
            "semaphores",
            "messages",
            "posix_queue",
            "posix_memory",
            "abstract_socket",
        ),
        "anonymous_file",
    )


def _files() -> Iterator[Check]:
    yield from _left("files", between(1, 100), "plant")
    yield from _left(
        "files", REFUSED, "plant_odd_names", "plant_odd_modes", "plant_links", "plant_depth"
    )
    yield Check(
        "inode_bomb", "files", (Step("inode_bomb", between(1_000, 200_000)), Step("look", REFUSED))
    )
    yield Check(
        "disk_fill", "files", (Step("disk_fill", between(900, 1_100)), Step("look", REFUSED))
    )
    yield from _refusals(
        "files", "disk_fallocate", "sparse_file", "read_only", "oom_score", "secrets_of_the_kernel"
    )
    yield from _refusals("files", "other_processes", "host_files", "environment")


def _network() -> Iterator[Check]:
    yield from _refusals(
        "network", "interfaces", "host_tcp", "host_udp", "host_unix", "host_abstract"
    )
    yield from _refusals("network", "engine_socket", "names", "raw_sockets", "other_families")
    yield Check("own_pair", "network", (Step("own_pair", value(8.0)),))


def _processes() -> Iterator[Check]:
    yield from _left(
        "processes",
        REFUSED,
        "leave_daemon",
        "leave_many",
        "leave_stopped",
        "leave_busy",
        "leave_forking",
    )
    yield from _left("processes", REFUSED, "leave_executed", "leave_thread")
    clean = value(1.0, stdout="mine\n", stderr="")
    for act in ("leave_writer", "leave_replayer"):
        planted = any_of(REFUSED, fails(ProcessKilled))
        yield Check(act, "processes", (Step(act, planted), *(Step("stray_output", clean),) * 3))
    yield from _refusals(
        "processes", "kill_everyone", "stop_everyone", "signal_others", "limits_of_others"
    )
    yield Check(
        "fork_bomb", "processes", (Step("fork_bomb", between(4, 1_000)), Step("look", REFUSED))
    )
    yield Check("thread_bomb", "processes", (Step("thread_bomb", between(4, 5_000)),))
    yield Check(
        "descriptors_exhausted", "processes", (Step("descriptors_exhausted", between(50, 70_000)),)
    )
    yield from _refusals("processes", "pipes_filled")
    for name in ("SIGKILL", "SIGTERM", "SIGABRT", "SIGSYS", "SIGUSR1", "SIGALRM", "SIGBUS"):
        step = Step("kill_self", fails(ProcessKilled, name), {"signal": name})
        yield Check(f"kill_self_{name}", "processes", (step,))
    yield Check("segfault", "processes", (Step("segfault", fails(ProcessKilled, "SIGSEGV")),))
    for status in (0, 1, 70, 255):
        step = Step("leave", fails(ProcessKilled, str(status)), {"status": status})
        yield Check(f"leave_{status}", "processes", (step,))
    yield Check("become", "processes", (Step("become", fails(ProcessKilled, "0")),))
    yield Check(
        "end_from_thread", "processes", (Step("end_from_thread", fails(ProcessKilled, "0")),)
    )
    yield Check("fork_and_return_twice", "processes", (Step("fork_and_return_twice", value(0.25)),))


def _clock() -> Iterator[Check]:
    ended = fails(TimeLimitExceeded, "limit")
    for act in (
        *(
            "sleep",
            "loop",
            "loop_in_c",
            "power",
            "regular_expression",
            "swallow",
            "deaf",
            "stopped",
            "wait_for_child",
        ),
        *("read_input", "talk_for_ever", "deadlock", "threads"),
    ):
        yield Check(act, "clock", (Step(act, ended),), hurried=True)
    forks = any_of(ended, fails(ProcessKilled), fails(MemoryLimitExceeded))
    yield Check("fork_for_ever", "clock", (Step("fork_for_ever", forks),), hurried=True)
    yield Check("answer_after_all", "clock", (Step("answer_after_all", value(0.5)),), hurried=True)


def _memory() -> Iterator[Check]:
    yield Check("allowed", "memory", (Step("allowed", value(1.5)),))
    limit = fails(MemoryLimitExceeded, "memory limit", "2 G")
    for act in ("bytes_bomb", "list_bomb", "map_bomb", "shared_bomb", "numpy_bomb", "string_bomb"):
        yield Check(act, "memory", (Step(act, limit),))
    together = any_of(value(1.0), limit)
    yield Check("many_bombs", "memory", (Step("many_bombs", together),))
    yield Check("caught", "memory", (Step("caught", value(0.5)),))
    yield Check("helper_bomb", "memory", (Step("helper_bomb", value(0.75)),))
    yield Check("disk_counts", "memory", (Step("disk_counts", value(1.0)),))
    # without a limit Python goes on until the memory is full, which takes longer than the hurried engine gives
    crash = any_of(
        fails(ProcessKilled, "SIGSEGV"),
        fails(SourceRaised, "in recursion"),
        fails(TimeLimitExceeded),
        limit,
    )
    yield Check("recursion", "memory", (Step("recursion", crash),), hurried=True)
    deep = any_of(fails(SourceRaised, "from the deep"), fails(ProcessKilled, "SIGSEGV"))
    yield Check("raise_deep", "memory", (Step("raise_deep", deep),))
    yield from _remembered()


def _remembered() -> Iterator[Check]:
    first, second = "Zq7Kx2", "mV9pT4wL1s"
    remember = Step(
        "remember", value(16.0, stdout=first + second + "\n"), {"marker": first + second}
    )
    own = {"own": "Hy3Rb8cN6dJ5gF0u", "other": [first, second]}
    yield Check(
        "recall",
        "memory",
        (remember, remember, Step("recall", REFUSED, own), Step("recall", REFUSED, own)),
    )
    objects = Step("recall_objects", REFUSED, own)
    yield Check("recall_objects", "memory", (remember, remember, objects, objects))


def _channels() -> Iterator[Check]:
    yield Check("descriptors", "channels", (Step("descriptors", between(0, 1)),))
    yield from _refusals("channels", "descriptors_of_program", "standard_input")
    for number in range(18):
        yield Check(
            f"forge_{number}", "channels", (Step("forge", NOT_ANSWERED, {"number": number}),)
        )
    yield Check("forge_on_output", "channels", (Step("forge_on_output", value(0.25)),))
    for act in ("surplus", "early", "close_everything", "cross_wires"):
        yield Check(act, "channels", (Step(act, NOT_ANSWERED),))
    for act in ("shut_streams", "replaced_streams"):
        yield Check(act, "channels", (Step(act, value(0.25)),))
    said = value(1.0, stdout="hello\nraw\n", stderr="to err\n")
    yield Check(
        "say",
        "channels",
        (
            Step("say", said),
            Step("leave_unread_output", value(1.0, stdout="unfinished")),
            Step("say", said),
        ),
    )
    yield Check(
        "say_bytes",
        "channels",
        (Step("say_bytes", value(1.0, stdout="a\0b\ufffd\ufffdc\nd\\udc80e\n")),),
    )
    yield Check(
        "flood", "channels", (Step("flood", output_at_most(1.0, OUTPUT_LIMIT)), Step("say", said))
    )
    yield from _failures()
    yield from _inputs()


def _failures() -> Iterator[Check]:
    ours = ("/opt/grader", "sandbox_image", "child.py", "runner.py")
    for act, texts in {
        "fail": ("ValueError", "the author's own words", "raise ValueError(", "in fail"),
        "fail_in_nested": ("RuntimeError", "outer words", "KeyError", "missing key"),
        "fail_hugely": ("ValueError", "xxxx"),
        "fail_with_group": ("ExceptionGroup", "level"),
        "fail_with_chain": ("link 49999",),
        "fail_with_odd_text": ("Odd",),
        "fail_with_wrong_text": ("Wrong",),
        "flood_then_fail": ("ValueError", "after the flood"),
        "fail_invisibly": ("ValueError",),
    }.items():
        yield Check(act, "channels", (Step(act, fails(SourceRaised, *texts, without=ours)),))
    slow = Step("fail_with_slow_text", fails(TimeLimitExceeded))
    yield Check("fail_with_slow_text", "channels", (slow,), hurried=True)
    said = any_of(fails(MemoryLimitExceeded), fails(SourceRaised, "only said"))
    yield Check("fail_as_memory", "channels", (Step("fail_as_memory", said),))
    for status in (None, 0, 1, "text"):
        step = Step("leave_interpreter", fails(SourceRaised, "SystemExit"), {"status": status})
        yield Check(f"leave_interpreter_{status}", "channels", (step,))


def _inputs() -> Iterator[Check]:
    for levels in (200, 800, 950, 5_000, 200_000):
        taken = any_of(value(float(levels)), fails(TextTooLarge)) if levels > 200 else value(200.0)
        yield Check(
            f"depth_{levels}", "channels", (Step("depth", taken, {"deep": _nested(levels)}),)
        )
    everything: dict[str, Any] = {
        "big": 2**70,
        "tenth": 0.1,
        "tiny": 5e-324,
        "minus_zero": -0.0,
        "yes": True,
        "no": False,
        "none": None,
        "": "empty key",
        "text": "\x00\u2028\U0001f600\u00e9e\u0301",
        "list": [],
        "object": {},
        "whole": 1.0,
    }
    yield Check("exact", "channels", (Step("exact", REFUSED, everything),))
    for name, text in {"megabytes": "é" * (2 << 20), "surrogate": "\ud800", "nothing": ""}.items():
        yield Check(
            f"length_{name}", "channels", (Step("length", value(len(text)), {"text": text}),)
        )
    change = Step("change_input", value(1.0), {"list": []})
    yield Check("change_input", "channels", (change, change))


def _nested(levels: int) -> list[Any]:
    deep: list[Any] = []
    for _ in range(levels):
        deep = [deep]
    return deep


def _values() -> Iterator[Check]:
    numbers = {
        "int": 1,
        "negative": -3,
        "float": 1 / 3,
        "tiny": 5e-324,
        "huge": 1.7976931348623157e308,
        "minus_zero": 0.0,
        "long_int": 2.0**60,
        "true": 1,
        "false": 0,
        "numpy_float64": 0.1,
        "numpy_float16": 0.5,
        "numpy_float32": struct.unpack("f", struct.pack("f", 0.1))[0],
        "numpy_longdouble": 0.5,
        "numpy_int64": 7,
        "numpy_uint8": 7,
        "numpy_bool": 1,
    }
    for name, number in numbers.items():
        yield _given(name, value(number))
    for name in (
        *(
            "nan",
            "inf",
            "minus_inf",
            "numpy_nan",
            "numpy_inf",
            "too_large",
            "lying_nan",
            "patched_finite",
        ),
        *(
            "none",
            "text",
            "bytes",
            "list",
            "dict",
            "tuple",
            "complex",
            "type",
            "generator",
            "coroutine",
            "function",
        ),
        *("numpy_complex", "numpy_text", "numpy_date"),
    ):
        yield _given(name, fails(BadReturnValue, "grade"))
    # never the 1.0 that they pretend to be
    refused = fails(BadReturnValue)
    for name in ("only_floats", "pretender", "meta_pretender"):
        yield _given(name, refused)
    for name in ("lying_float", "lying_numpy", "raising_float"):
        yield _given(name, any_of(value(0.25), refused))
    yield _given("lying_int", any_of(value(0.0), refused))
    yield _given("patched_checks", any_of(refused, fails(SourceRaised), fails(ProcessKilled)))
    yield _given("patched_packing", any_of(value(0.25), fails(SourceRaised), fails(ProcessKilled)))
    for name in ("decimal", "fraction"):
        yield _given(name, any_of(value(0.5), refused))


def _given(name: str, judge: Judge) -> Check:
    return Check(f"give_{name}", "values", (Step("give", judge, {"value": name}),))


def _freshness() -> Iterator[Check]:
    yield Check(
        "spoil",
        "freshness",
        (
            Step("spoil", REFUSED),
            Step("look", REFUSED),
            Step("spoil", REFUSED),
            Step("look", REFUSED),
        ),
    )
    yield Check("count", "freshness", (Step("count", value(1.0)),) * 3)
    yield Check("niceness", "freshness", (Step("niceness", between(0, 10)),) * 3, same=True)
    yield Check("draw", "freshness", (Step("draw", between(0, 1e9)),) * 4, same=True)
    yield Check(
        "draw_numpy", "freshness", (Step("draw_numpy", between(-1e12, 1e12)),) * 4, same=True
    )
    yield from _refusals("freshness", "surroundings")


def _untrusted() -> Iterator[Check]:
    acts = (
        "streams",
        "endings",
        "time_limit",
        "memory_limit",
        "floods",
        "attacks",
        "forks_without_end",
        "refused_calls",
        "at_once",
    )
    yield from _refusals("untrusted", *acts)
    secret = {"secret": "kW8zQ2nB5vT1xR7p"}
    yield Check(
        "sees_nothing", "untrusted", (Step("sees_nothing", REFUSED, secret), Step("look", REFUSED))
    )
    yield from _left("untrusted", REFUSED, "leaves_daemons", "plants_modules")
    yield from _left("untrusted", value(0.5), "own_end")
    yield Check("no_way_back", "untrusted", (Step("no_way_back", value(0.25)),))
    yield Check("one_after_the_other", "untrusted", (Step("one_after_the_other", value(780.0)),))
    task = {
        "code": "print(int(input()) ** 2)",
        "cases": [["2", "4"], ["3", "9"], ["1", "2"], ["x", "0"]],
    }
    yield Check("example", "untrusted", (Step("example", value(0.5), task),))


CHECKS: tuple[Check, ...] = tuple(
    itertools.chain(
        _kernel(),
        _files(),
        _network(),
        _processes(),
        _clock(),
        _memory(),
        _channels(),
        _values(),
        _freshness(),
        _untrusted(),
    )
)
