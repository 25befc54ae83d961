"""No way out: shown by what is there, and by listeners of the test process that cannot be reached."""

import socket


def interfaces(item):
    """At most the loopback that every network namespace has, and no route or resolver."""
    names = [line.split(":")[0].strip() for line in open("/proc/net/dev").read().splitlines()[2:]]
    try:
        listed = [name for _, name in socket.if_nameindex()]
    except OSError:
        listed = []
    routes = (
        open("/proc/net/route").read().splitlines()[1:] if os.path.exists("/proc/net/route") else []
    )
    return all_true(set(names) <= {"lo"}, set(listed) <= {"lo"}, routes == [])


def host_tcp(item):
    return observed(
        lambda: socket.create_connection(("127.0.0.1", item["world"]["port"]), timeout=2).close(),
        UNREACHABLE,
    )


def host_udp(item):
    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(1)
            client.connect(("127.0.0.1", item["world"]["port"]))
            client.send(b"x")
            client.recv(1)  # a refused datagram is told by the next call

    return observed(send, UNREACHABLE)


def host_unix(item):
    return observed(
        lambda: socket.socket(socket.AF_UNIX).connect(item["world"]["socket"]), UNREACHABLE
    )


def host_abstract(item):
    return observed(
        lambda: socket.socket(socket.AF_UNIX).connect("\0" + item["world"]["abstract"]), UNREACHABLE
    )


def engine_socket(item):
    """No engine's socket lies inside."""
    paths = (
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/podman/podman.sock",
    )
    return all_refused(
        [lambda path=path: socket.socket(socket.AF_UNIX).connect(path) for path in paths],
        UNREACHABLE,
    )


def names(item):
    try:
        socket.getaddrinfo("grader.invalid", 80)
    except OSError:
        return 1.0
    return 0.0


def raw_sockets(item):
    raw, packet, netlink_nft = socket.SOCK_RAW, 17, 12
    return all_refused(
        [
            lambda: socket.socket(socket.AF_INET, raw, 1),
            lambda: socket.socket(socket.AF_INET, raw, 255),
            lambda: socket.socket(socket.AF_INET6, raw, 58),
            lambda: socket.socket(packet, raw, 0),
            lambda: socket.socket(packet, socket.SOCK_DGRAM, 0),
            lambda: socket.socket(16, raw, netlink_nft),
        ],
        UNREACHABLE,
    )


def other_families(item):
    """vsock reaches past a network namespace to the machine's host; the others have been doors to root."""
    vsock, alg, key, tipc, can, xdp, smc, ax25, bluetooth = 40, 38, 15, 30, 29, 44, 43, 3, 31
    stream, datagram, packet, raw = (
        socket.SOCK_STREAM,
        socket.SOCK_DGRAM,
        socket.SOCK_SEQPACKET,
        socket.SOCK_RAW,
    )
    families = [
        (vsock, stream),
        (vsock, datagram),
        (alg, packet),
        (key, raw),
        (tipc, packet),
        (can, raw),
        (xdp, raw),
        (smc, stream),
        (ax25, packet),
        (bluetooth, raw),
    ]
    return all_refused(
        [lambda f=family, t=kind: socket.socket(f, t) for family, kind in families], UNREACHABLE
    )


def own_pair(item):
    """What a grade needs for itself goes on working: a pair of sockets, and an event loop on top."""
    import asyncio

    left, right = socket.socketpair()
    left.send(b"abc")

    async def answer():
        process = await asyncio.create_subprocess_exec(
            "/bin/echo", "5", stdout=asyncio.subprocess.PIPE
        )
        return float((await process.communicate())[0])

    return len(right.recv(8)) + asyncio.run(answer())
