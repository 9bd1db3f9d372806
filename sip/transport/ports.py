"""One free port for UDP and TCP together (RFC 3261 §18.2.1). Shell.

UDP and TCP have port numbers of their own: the one that the kernel gives to a UDP socket may
still be held by a TCP connection that was closed a minute ago. So TCP is asked first.
"""

import socket
from typing import Final

ATTEMPTS: Final = 16


def shared_port(host: str) -> int:
    """A port of `host` that is free for both, or 0 when none was found or `host` is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(ATTEMPTS):
        with (
            socket.socket(family, socket.SOCK_STREAM) as stream,
            socket.socket(family, socket.SOCK_DGRAM) as datagram,
        ):
            try:
                stream.bind((host, 0))
                port: int = stream.getsockname()[1]
                datagram.bind((host, port))
            except OSError:
                continue
            return port
    return 0
