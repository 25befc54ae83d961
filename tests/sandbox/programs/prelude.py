"""Put in front of every program: system calls by name, and numbers that say what was observed inside."""

import ctypes
import errno
import os
import platform

NUMBERS = {  # name: (x86_64, aarch64)
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clone": (56, 220),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "fsopen": (430, 430),
    "init_module": (175, 105),
    "io_setup": (206, 0),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmget": (29, 194),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
MACHINE = ("x86_64", "aarch64").index(platform.machine())
LIBC = ctypes.CDLL(None, use_errno=True)
REFUSED = (errno.EPERM, errno.EACCES, errno.ENOSYS)
UNREACHABLE = (
    errno.EPERM,
    errno.EACCES,
    errno.EAFNOSUPPORT,
    errno.ECONNREFUSED,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EADDRNOTAVAIL,
    errno.ENOENT,
    errno.ENODEV,
    errno.EPROTONOSUPPORT,
    errno.ESOCKTNOSUPPORT,
)


def syscall(name, *arguments):
    """The result of a raw system call; OSError as for any other."""
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    ctypes.set_errno(0)
    result = LIBC.syscall(ctypes.c_long(NUMBERS[name][MACHINE]), *wide)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return result


def observed(call, errnos=REFUSED):
    """1.0: refused with one of the errnos. 100 + errno: refused otherwise. 0.0: it went through."""
    try:
        call()
    except OSError as error:
        return 1.0 if error.errno in errnos else 100.0 + (error.errno or 0)
    return 0.0


def all_refused(calls, errnos=REFUSED):
    """1.0 where every call is refused; else -1000 * (index + 1) - what was observed of the first that was not."""
    for index, call in enumerate(calls):
        seen = observed(call, errnos)
        if seen != 1.0:
            return -1000.0 * (index + 1) - seen
    return 1.0


def all_true(*facts):
    """1.0 where every fact holds; else -(index + 1) of the first that does not."""
    for index, fact in enumerate(facts):
        if not fact:
            return -float(index + 1)
    return 1.0
