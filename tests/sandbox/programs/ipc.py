"""What one grade leaves in the kernel must be gone before the next: objects with names, and memory without."""

KEY = 0x5EED0001
CREATE = 0o1600
PLANTED, NOT_PERMITTED = 2.0, 1.0


def planted(call, errnos=REFUSED):
    """2.0: it is there now. 1.0: not permitted at all. Both are fine, if the next grade finds nothing."""
    seen = observed(call, errnos)
    return PLANTED if seen == 0.0 else seen


def gone(call, errnos=(errno.ENOENT,)):
    return observed(call, (*REFUSED, *errnos))


def plant_shared_memory(item):
    return planted(lambda: syscall("shmget", KEY, 4096, CREATE))


def look_shared_memory(item):
    return gone(lambda: syscall("shmget", KEY, 4096, 0))


def plant_semaphores(item):
    return planted(lambda: syscall("semget", KEY, 1, CREATE))


def look_semaphores(item):
    return gone(lambda: syscall("semget", KEY, 1, 0))


def plant_messages(item):
    return planted(lambda: syscall("msgget", KEY, CREATE))


def look_messages(item):
    return gone(lambda: syscall("msgget", KEY, 0))


def plant_posix_queue(item):
    return planted(lambda: syscall("mq_open", b"planted", os.O_CREAT | os.O_RDWR, 0o666, 0))


def look_posix_queue(item):
    refused = gone(lambda: syscall("mq_open", b"planted", os.O_RDWR, 0, 0))
    listed = os.listdir("/dev/mqueue") if os.path.isdir("/dev/mqueue") else []
    return all_true(refused == 1.0, listed == [])


def plant_posix_memory(item):
    from multiprocessing import resource_tracker, shared_memory

    resource_tracker.register = lambda *_: None  # it would remove the segment when the grade ends
    return planted(
        lambda: shared_memory.SharedMemory("planted", create=True, size=1 << 20),
        (*REFUSED, errno.EROFS, errno.ENOENT),
    )


def look_posix_memory(item):
    from multiprocessing import shared_memory

    return gone(lambda: shared_memory.SharedMemory("planted"))


def plant_abstract_socket(item):
    """A daemon holds the name, so that it would outlive the grade if the daemon did."""
    import socket
    import time

    server = socket.socket(socket.AF_UNIX)
    server.bind("\0planted")
    server.listen()
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    return PLANTED


def look_abstract_socket(item):
    import socket

    return gone(lambda: socket.socket(socket.AF_UNIX).connect("\0planted"), (errno.ECONNREFUSED,))


def plant_anonymous_file(item):
    """Where it is permitted a daemon keeps it open."""
    import time

    def create():
        handle = syscall("memfd_create", b"planted", 0)
        os.write(handle, b"planted")
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
            os._exit(0)

    return planted(create)


def look_anonymous_file(item):
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for handle in os.listdir(f"/proc/{pid}/fd"):
                found += "planted" in os.readlink(f"/proc/{pid}/fd/{handle}")
        except OSError:
            continue
    return 1.0 + found
