"""What the kernel is asked for: no dumps, no new privileges, a system call filter, limits, capabilities given up."""

import ctypes
import os
import platform
import resource
import struct
from collections.abc import Iterable

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEW_ANY = 0x7E020080

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE = 16384, 1 << 18
MNT_DETACH = 2

EPERM, ENOSYS = 1, 38
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000

# name: (x86_64, aarch64); None where the machine has no such call
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_setup": (206, 0),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "memfd_secret": (447, 447),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "personality": (135, 92),
    "vmsplice": (278, 75),
    "uselib": (134, None),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "lookup_dcookie": (212, 18),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "memfd_create": (319, 279),
}
_ABSENT: dict[str, tuple[int, int]] = {  # answered with ENOSYS, so that libraries fall back
    "clone3": (435, 435),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
_CLONE, _SOCKET, _PRLIMIT = (56, 220), (41, 198), (302, 261)
_NEWEST = 451  # what came later is not known here, and absent
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_FAMILIES = (1, 2, 10)  # unix, inet, inet6; in a namespace without interfaces but its own loopback
_NETLINK = 16

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
]
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int = 0, pointer: int = 0) -> None:
    _checked(_libc.prctl(option, value, pointer, 0, 0), f"prctl {option}")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def setns(descriptor: int, flags: int) -> None:
    _checked(_libc.setns(descriptor, flags), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    kind_bytes = kind.encode() if kind else None
    _checked(
        _libc.mount(source.encode(), target.encode(), kind_bytes, flags, data.encode()),
        f"mount {target}",
    )


def clone(flags: int) -> int:
    """Fork into new namespaces. Only for processes that afterwards do next to nothing: the C library is not told."""
    number = (56, 220)[_machine()[0]]
    return _checked(
        ctypes.PyDLL(None, use_errno=True).syscall(
            *map(ctypes.c_long, (number, flags | 17, 0, 0, 0, 0))
        ),
        "clone",
    )


def drop_capabilities() -> None:
    """Give up every capability for good (there are no new privileges to be had by exec either)."""
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break
    header = struct.pack("=Ii", 0x20080522, 0)
    _checked(_libc.capset(header, bytes(24)), "capset")


def _machine() -> tuple[int, int]:
    try:
        return _MACHINES[platform.machine()]
    except KeyError:
        raise OSError(
            ENOSYS, f"no system call filter for the machine {platform.machine()!r}"
        ) from None


class Filter:
    """A seccomp program, built once and entered by every grade's process; the second wall behind the engine's own."""

    def __init__(self) -> None:
        column, audit = _machine()
        program = list(_program(column, audit))
        self._code = ctypes.create_string_buffer(b"".join(program))
        self._header = ctypes.create_string_buffer(
            struct.pack("@HP", len(program), ctypes.addressof(self._code))
        )

    def enter(self) -> None:
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(self._header))


def _statement(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _load(offset: int) -> bytes:
    return _statement(0x20, offset)


def _equal(value: int, yes: int, no: int) -> bytes:
    return _statement(0x15, value, yes, no)


def _give(verdict: int) -> bytes:
    return _statement(0x06, verdict)


def _program(column: int, audit: int) -> Iterable[bytes]:
    """Offsets in `struct seccomp_data`: 0 the call, 4 the machine, 16 + 8n the low half of argument n."""
    refuse, absent = _ERRNO | EPERM, _ERRNO | ENOSYS
    yield from (_load(4), _equal(audit, 1, 0), _give(_KILL), _load(0))
    yield from (_statement(0x35, _NEWEST, 0, 1), _give(absent))  # the x32 calls are above it, too
    for names, verdict in ((_ABSENT, absent), (_REFUSED, refuse)):
        for numbers in names.values():
            number = numbers[column]
            if number is not None:
                yield from (_equal(number, 0, 1), _give(verdict))
    yield from (
        _equal(_CLONE[column], 0, 4),
        _load(16),
        _statement(0x45, CLONE_NEW_ANY, 0, 1),
        _give(refuse),
        _give(_ALLOW),
    )
    # limits of others: in bubblewrap all have one user
    yield from (
        _equal(_PRLIMIT[column], 0, 4),
        _load(16),
        _equal(0, 0, 1),
        _give(_ALLOW),
        _give(refuse),
    )
    yield from (_equal(_SOCKET[column], 1, 0), _give(_ALLOW), _load(16))
    for family in _FAMILIES:
        yield from (_equal(family, 0, 1), _give(_ALLOW))
    # netlink only for asking about routes and interfaces (protocol 0)
    yield from (_equal(_NETLINK, 0, 3), _load(32), _equal(0, 0, 1), _give(_ALLOW), _give(refuse))


def _counts_processes_per_namespace() -> bool:
    """Before Linux 5.14 an ordinary user's other processes count as well, and there may be hundreds."""
    major, minor = platform.release().split(".")[:2]
    return os.getuid() == 0 or (int(major), int(minor)) >= (5, 14)


def limit_resources(memory_bytes: int, disk_bytes: int) -> None:
    """For this process and all that it will start; `memory_bytes` of data per process."""
    for name, wanted in (
        ("CORE", 0),
        ("FSIZE", disk_bytes),
        ("NOFILE", 512),
        ("NPROC", 80),
        ("DATA", memory_bytes),
        ("MSGQUEUE", 0),
        ("MEMLOCK", 0),
        ("SIGPENDING", 256),
    ):
        number = getattr(resource, f"RLIMIT_{name}", None)
        if name == "NPROC" and not _counts_processes_per_namespace():
            continue
        if number is not None:
            hard = resource.getrlimit(number)[1]
            value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(number, (value, value))
