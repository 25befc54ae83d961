"""Files: what may be written, what is left of it, and what must not be seen."""

WRITABLE_SOMEWHERE = (
    "/tmp",
    "/dev/shm",
    "/var/tmp",
    "/run",
    "/run/lock",
    "/var/lock",
    "/dev/mqueue",
    "/dev",
    "/home",
    "/root",
    ".",
)
READ_ONLY = (
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EBUSY,
)


def entries():
    """Everything that lies in the places where a grade may write, except what every grade finds there."""
    found = []
    for place in WRITABLE_SOMEWHERE[:5]:
        try:
            found += [
                f"{place}/{name}"
                for name in os.listdir(place)
                if "planted" in name or place in ("/tmp", "/dev/shm")
            ]
        except OSError:
            continue
    return found


def look(item):
    """1.0 + the number of entries that an earlier grade left."""
    return 1.0 + len(entries())


def plant(item):
    """The number of places that took a file, 1 at least: /tmp is a grade's own."""
    written = 0
    for place in WRITABLE_SOMEWHERE:
        for name in ("planted", ".planted"):
            try:
                with open(f"{place}/{name}", "w") as file:
                    file.write("planted")
                written += 1
            except OSError:
                continue
    return float(written)


def plant_odd_names(item):
    os.chdir("/tmp")
    for name in (
        b"new\nline",
        b"\xff\xfe",
        b"-rf",
        b" ",
        b"*",
        b"a" * 255,
        "\u202e".encode(),
        b"...",
    ):
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0))
    return 1.0 + (len(os.listdir(b".")) != 8)


def plant_odd_modes(item):
    """Directories that nobody may enter, each with a file; a sticky one; set-user-id files."""
    os.chdir("/tmp")
    for mode in (0o000, 0o111, 0o222, 0o444, 0o500, 0o1777):
        os.mkdir(f"d{mode}")
        os.mkdir(f"d{mode}/inner")
        open(f"d{mode}/inner/file", "w").close()
        os.chmod(f"d{mode}/inner", mode)
        os.chmod(f"d{mode}", mode)
    open("suid", "w").close()
    os.chmod("suid", 0o6777)
    os.chmod("/tmp", 0o700) if os.stat("/tmp").st_uid == os.getuid() else None
    return 1.0


def plant_links(item):
    import socket

    os.chdir("/tmp")
    for target in (
        "/",
        "/etc",
        "/etc/passwd",
        "/proc/self",
        "/proc/1/root",
        ".",
        "..",
        "nowhere",
        "loop",
    ):
        os.symlink(target, "to" + target.replace("/", "_"))
    os.symlink("loop", "loop")
    os.mkfifo("fifo")
    socket.socket(socket.AF_UNIX).bind("socket")
    open("file", "w").close()
    os.link("file", "hard")
    return 1.0


def plant_depth(item):
    """4,000 directories one in another: deeper than any path may be long, and than a recursive removal can go."""
    os.chdir("/tmp")
    for _ in range(4000):
        os.mkdir("d")
        os.chdir("d")
    open("bottom", "w").close()
    os.chmod(".", 0)
    return 1.0


def inode_bomb(item):
    """How many files /tmp takes; -1.0 where 400,000 were not too many."""
    os.chdir("/tmp")
    for count in range(400_000):
        try:
            os.close(os.open(f"f{count}", os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError as error:
            return (
                float(count)
                if error.errno in (errno.ENOSPC, errno.EDQUOT)
                else -100.0 - error.errno
            )
    return -1.0


def disk_fill(item):
    """How many MiB /tmp takes; -1.0 where 4 GiB were not too many."""
    chunk = bytes(1 << 20)
    with open("/tmp/fill", "wb", buffering=0) as file:
        for count in range(4096):
            try:
                written = file.write(chunk)
            except OSError as error:
                return (
                    float(count)
                    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
                    else -100.0 - error.errno
                )
            if written < len(chunk):
                return float(count)
    return -1.0


def disk_fallocate(item):
    handle = os.open("/tmp/fill", os.O_CREAT | os.O_WRONLY)
    return observed(
        lambda: os.posix_fallocate(handle, 0, 64 << 30),
        (errno.ENOSPC, errno.EFBIG, errno.ENOMEM, *REFUSED),
    )


def sparse_file(item):
    """A file may look as large as it likes, as long as nothing is stored."""
    with open("/tmp/sparse", "wb") as file:
        try:
            file.truncate(1 << 40)
        except OSError:
            return 1.0
    return 1.0 if os.stat("/tmp/sparse").st_blocks == 0 else 0.0


def read_only(item):
    """The interpreter, its library, the packages, our runner, the system's settings, the control groups."""
    import json
    import sys

    import grading_sandbox

    targets = [
        "/planted",
        "/etc/passwd",
        "/etc/ld.so.preload",
        "/usr/planted",
        "/usr/local/planted",
        "/opt/planted",
        "/opt/packages/planted.py",
        "/opt/grader/planted.py",
        "/bin/sh",
        sys.executable,
        json.__file__,
        grading_sandbox.__file__,
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sysrq-trigger",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/tasks",
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/kernel/uevent_helper",
        "/sys/kernel/planted",
        "/proc/1/oom_score_adj",
    ]
    for place in {os.path.dirname(json.__file__), *sys.path}:
        if place:
            targets += [
                f"{place}/sitecustomize.py",
                f"{place}/usercustomize.py",
                f"{place}/planted.pth",
            ]

    def write(path):
        existed = os.path.lexists(path)
        handle = os.open(path, os.O_WRONLY | (0 if existed else os.O_CREAT))
        try:
            os.write(handle, b"planted")
        finally:
            os.close(handle)

    return all_refused(
        [lambda path=path: write(path) for path in targets if not path.startswith("/tmp")],
        (*READ_ONLY, errno.EINVAL),
    )


def oom_score(item):
    """A grade must not shield itself from the kernel's choice of whom to kill."""

    def shield():
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("-1000")

    return observed(shield, (*REFUSED, errno.EROFS))


def secrets_of_the_kernel(item):
    """Nothing can be read of what tells about, or belongs to, the host's kernel and other processes."""
    for index, path in enumerate(
        (
            "/proc/kcore",
            "/proc/kmsg",
            "/proc/keys",
            "/proc/timer_list",
            "/proc/1/environ",
            "/proc/1/mem",
            "/proc/acpi/wakeup",
        )
    ):
        try:
            with open(path, "rb") as file:
                if file.read(1):
                    return -float(index + 1)
        except OSError:
            continue
    return 1.0


def other_processes(item):
    """No memory, environment, root, directory or descriptor of a process that is not this grade's."""
    opened = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        for name in (
            "mem",
            "environ",
            "maps",
            "fd",
            "cwd",
            "root",
            "exe",
            "task/" + pid + "/mem",
            "syscall",
            "stack",
        ):
            path = f"/proc/{pid}/{name}"
            try:
                if name in ("cwd", "root", "exe"):
                    os.readlink(path)
                elif name == "fd":
                    os.listdir(path)
                elif name == "environ":
                    opened -= not open(path, "rb").read()  # an empty one tells nothing
                else:
                    open(path, "rb").close()
                opened += 1
            except OSError:
                continue
    return 1.0 + opened


def host_files(item):
    """Neither the service's own files nor what the test wrote beside them, under any root that can be had."""
    roots = [
        "",
        "/proc/1/root",
        f"/proc/{os.getppid()}/root",
        "/proc/self/root",
        "/proc/self/cwd/../../../..",
    ]
    return 1.0 + sum(os.path.exists(root + item["world"]["file"]) for root in roots)


def environment(item):
    """1.0 + the number of variables that no grade needs; -1.0 where a value of the service's is among them."""
    needed = {"PATH", "HOME", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "PWD", "NLTK_DATA"}
    prefixes = ("PYTHON", "OMP_", "OPENBLAS_", "MKL_", "NUMEXPR_", "BLIS_", "VECLIB_")
    everything = b"\0".join(k + b"=" + v for k, v in os.environb.items())
    for pid in ["self", *filter(str.isdigit, os.listdir("/proc"))]:
        try:
            everything += open(f"/proc/{pid}/environ", "rb").read()
        except OSError:
            continue
    if item["world"]["variable"].encode() in everything:
        return -1.0
    return 1.0 + len(
        [name for name in os.environ if name not in needed and not name.startswith(prefixes)]
    )
