"""What the kernel must refuse to a grade. Each program returns 1.0 for "refused", and numbers that tell what else."""

NEW_USER, NEW_PID, NEW_NET, NEW_NS = 0x10000000, 0x20000000, 0x40000000, 0x00020000
SIGCHLD = 17


def io_uring(item):
    parameters = ctypes.create_string_buffer(256)
    return observed(lambda: syscall("io_uring_setup", 8, parameters))


def ptrace(item):
    traceme, attach, seize = 0, 16, 0x4206
    parent = os.getppid() or 1
    return all_refused(
        [
            lambda: syscall("ptrace", attach, parent, 0, 0),
            lambda: syscall("ptrace", seize, parent, 0, 0),
            lambda: syscall("ptrace", traceme, 0, 0, 0),
        ]
    )


def other_memory(item):
    import struct

    buffer = ctypes.create_string_buffer(8)
    local = struct.pack("QQ", ctypes.addressof(buffer), 8)
    parent = os.getppid() or 1
    return all_refused(
        [
            lambda: syscall("process_vm_readv", parent, local, 1, local, 1, 0),
            lambda: syscall("process_vm_writev", parent, local, 1, local, 1, 0),
            lambda: syscall("kcmp", parent, os.getpid(), 0, 0, 0),
        ]
    )


def stolen_descriptor(item):
    parent = os.getppid() or 1

    def steal():
        handle = os.pidfd_open(parent)
        syscall("pidfd_getfd", handle, 0, 0)

    return observed(steal, (*REFUSED, errno.ESRCH, errno.EINVAL))


def keyrings(item):
    session, user = -3, -4
    return all_refused(
        [
            lambda: syscall("keyctl", 0, session, 1),
            lambda: syscall("keyctl", 1, 0),
            lambda: syscall("add_key", b"user", b"planted", b"x", 1, user),
            lambda: syscall("request_key", b"user", b"planted", 0, session),
        ]
    )


def bpf(item):
    attributes = ctypes.create_string_buffer(128)
    return all_refused(
        [
            lambda: syscall("bpf", 0, attributes, 128),
            lambda: syscall("perf_event_open", attributes, 0, -1, -1, 0),
            lambda: syscall("userfaultfd", 1),
        ]
    )


def namespaces(item):
    def cloned(flags):
        if syscall("clone", flags | SIGCHLD, 0, 0, 0, 0) == 0:
            os._exit(0)

    def entered():
        with open("/proc/self/ns/net") as file:
            syscall("setns", file.fileno(), 0)

    return all_refused(
        [
            lambda: syscall("unshare", NEW_USER),
            lambda: syscall("unshare", NEW_USER | NEW_NS),
            lambda: syscall("unshare", NEW_NET),
            lambda: syscall("unshare", NEW_NS),
            lambda: syscall("unshare", NEW_PID),
            lambda: cloned(NEW_USER),
            lambda: cloned(NEW_USER | NEW_NET),
            entered,
            lambda: syscall("clone3", 0, 0),
        ],
        (*REFUSED, errno.ENOENT),
    )


def mounts(item):
    remount_bind = 0x1020
    return all_refused(
        [
            lambda: syscall("mount", b"none", b"/tmp", b"tmpfs", 0, 0),
            lambda: syscall("mount", b"none", b"/", 0, remount_bind, 0),
            lambda: syscall("mount", b"proc", b"/tmp", b"proc", 0, 0),
            lambda: syscall("umount2", b"/proc", 2),
            lambda: syscall("umount2", b"/tmp", 2),
            lambda: syscall("pivot_root", b"/tmp", b"/tmp"),
            lambda: syscall("chroot", b"/tmp"),
            lambda: syscall("fsopen", b"tmpfs", 0),
            lambda: syscall("open_tree", -100, b"/", 1),
            lambda: syscall("move_mount", -1, b"", -1, b"", 0),
        ]
    )


def machine(item):
    """With wrong arguments throughout, so that a sandbox that let them through would not hurt its host."""
    return all_refused(
        [
            lambda: syscall("reboot", 0, 0, 0, 0),
            lambda: syscall("kexec_load", 0, 0, 0, 0),
            lambda: syscall("init_module", 0, 0, 0),
            lambda: syscall("finit_module", -1, 0, 0),
            lambda: syscall("delete_module", b"no_such_module", 0),
            lambda: syscall("swapon", 0, 0),
            lambda: syscall("acct", b"/no/such/file"),
            lambda: syscall("settimeofday", 0, b"\0" * 8),
            lambda: syscall("sethostname", b"planted", 7),
            lambda: syscall("syslog", 3, ctypes.create_string_buffer(64), 64),
            lambda: syscall("quotactl", 0, 0, 0, 0),
        ]
    )


def file_handles(item):
    handle = ctypes.create_string_buffer(b"\x80\0\0\0" + b"\0" * 132)
    return observed(lambda: syscall("open_by_handle_at", -100, handle, 0))


def personality(item):
    no_randomisation = 0x0040000
    return observed(lambda: syscall("personality", no_randomisation))


def anonymous_file(item):
    """Refused; or it cannot be executed and ends with its process (looked for by `ipc.look`)."""
    return all_refused(
        [lambda: syscall("memfd_create", b"planted", 0), lambda: syscall("memfd_secret", 0)]
    )


def root_again(item):
    return all_refused(
        [
            lambda: os.setuid(0),
            lambda: os.setgid(0),
            lambda: os.setgroups([0]),
            lambda: os.setresuid(0, 0, 0),
            lambda: os.setuid(os.getuid() + 1),
        ],
        (*REFUSED, errno.EINVAL),
    )


def privileges(item):
    """No capability, no new privileges, a filter of system calls, and nobody's identity."""
    status = dict(
        line.split(":\t", 1) for line in open("/proc/thread-self/status").read().splitlines()
    )
    return all_true(
        int(status["CapEff"], 16) == 0,
        int(status["CapPrm"], 16) == 0,
        int(status["CapInh"], 16) == 0,
        int(status["CapAmb"], 16) == 0,
        status["NoNewPrivs"] == "1",
        status["Seccomp"] == "2",
        0 not in (os.getuid(), os.geteuid(), os.getgid(), os.getegid()),
        0 not in os.getgroups(),
    )


def limits_raised(item):
    """No limit that is set can be lifted, and no process leaves a core file."""
    import resource

    facts = [resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)]
    for name in (
        "RLIMIT_CORE",
        "RLIMIT_DATA",
        "RLIMIT_NPROC",
        "RLIMIT_NOFILE",
        "RLIMIT_FSIZE",
        "RLIMIT_MEMLOCK",
    ):
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        if hard == resource.RLIM_INFINITY:
            continue
        try:
            resource.setrlimit(number, (hard, hard + 1))
        except (OSError, ValueError):  # ValueError is what Python makes of EPERM here
            facts.append(True)
        else:
            facts.append(False)
    return all_true(len(facts) > 1, *facts)


def priority(item):
    return all_refused(
        [lambda: os.nice(-5), lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))]
    )


def devices(item):
    import stat

    return all_refused(
        [
            lambda: os.mknod("/tmp/disk", 0o600 | stat.S_IFBLK, os.makedev(254, 0)),
            lambda: os.mknod("/tmp/mem", 0o600 | stat.S_IFCHR, os.makedev(1, 1)),
            lambda: os.open("/dev/mem", os.O_RDONLY),
            lambda: os.open("/dev/kmsg", os.O_WRONLY),
            lambda: os.open("/dev/fuse", os.O_RDWR),
            lambda: os.open("/dev/kvm", os.O_RDWR),
            lambda: os.open("/dev/vda", os.O_RDONLY),
            lambda: os.open("/dev/sda", os.O_RDONLY),
        ],
        (*REFUSED, errno.ENOENT, errno.ENXIO),
    )
