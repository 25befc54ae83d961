"""Identities in bubblewrap: every grade has a process, mount and IPC namespace of its own."""


class Namespaces:
    def __init__(self, memory_bytes: int, disk_bytes: int) -> None:
        raise NotImplementedError
