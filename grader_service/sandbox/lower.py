"""Run as a script by root: become an ordinary user and start bubblewrap, which can still see what only root may reach.

Arguments: user, staging place, the folder of bubblewrap's own libraries or "" (one of the paths),
number of paths, the paths, then the command, in which `{PATH}` stands
for where that path can be found. In a mount namespace of its own every path is bound to a name under
the staging place; outside nothing changes. Standard library only, no site packages.
"""

import ctypes
import os
import stat
import sys

_NEWNS = 0x00020000
_NOSUID, _NODEV, _BIND, _REC, _PRIVATE = 2, 4, 4096, 16384, 1 << 18


def _mount(libc: ctypes.CDLL, source: str, target: str, kind: str | None, flags: int) -> None:
    encoded = kind.encode() if kind else None
    if libc.mount(source.encode(), target.encode(), encoded, ctypes.c_ulong(flags), None) < 0:
        raise OSError(ctypes.get_errno(), f"cannot mount {target}")


def stage(place: str, paths: list[str]) -> dict[str, str]:
    """Bind each path to a name below `place`, for this process and its children alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEWNS) < 0:
        raise OSError(ctypes.get_errno(), "cannot have a mount namespace")
    _mount(libc, "none", "/", None, _REC | _PRIVATE)
    opened = [
        os.open(path, os.O_PATH) for path in paths
    ]  # before `place` is covered: they may lie in it
    _mount(libc, "stage", place, "tmpfs", _NOSUID | _NODEV)
    staged = {}
    for path, descriptor in zip(paths, opened, strict=True):
        target = staged[path] = f"{place}/{descriptor}"
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.mkdir(target)  # noqa: PTH102 - no imports that are not needed
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
        _mount(libc, f"/proc/self/fd/{descriptor}", target, None, _BIND)
        os.close(descriptor)
    os.chmod(place, 0o755)  # noqa: PTH101, S103 - the ordinary user must get in
    return staged


def main(arguments: list[str]) -> None:
    """Never returns."""
    user, place, libraries, count, *rest = arguments
    paths, command = rest[: int(count)], rest[int(count) :]
    staged = {f"{{{path}}}": name for path, name in stage(place, paths).items()}
    os.chdir("/")
    os.setgroups([])
    os.setresgid(int(user), int(user), int(user))
    os.setresuid(int(user), int(user), int(user))
    command = [staged.get(each, each) for each in command]
    environment = {"LD_LIBRARY_PATH": staged[f"{{{libraries}}}"]} if libraries else {}
    os.execve(command[0], command, environment)  # noqa: S606 - there is no shell


if __name__ == "__main__":
    main(sys.argv[1:])
