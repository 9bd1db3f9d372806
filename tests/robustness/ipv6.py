"""Servers on IPv6 loopback, for tests: `Deployment` listens on IPv4 unless told otherwise."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.processes import (
    DOMAIN,
    LOOPBACK,
    Deployment,
    Running,
    Section,
    free_port,
    merged,
    sqlite_url,
)

LOOPBACK6: Final = "::1"
TRUSTED: Final = ("127.0.0.0/8", "::1/128")


def require_ipv6() -> None:
    """Skip where the machine has no IPv6 loopback."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind((LOOPBACK6, 0))
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


@contextmanager
def serving_ipv6(
    directory: Path,
    *,
    trusting: bool,
    domains: Sequence[str] = (),
    users: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """A server on [::1] and on 127.0.0.1, the same port; its `sip` is the address in IPv6."""
    require_ipv6()
    port = free_port()
    hosts = (f"[{LOOPBACK6}]", LOOPBACK)
    sip: Section = {
        "listen": [f"{kind}:{host}:{port}" for host in hosts for kind in ("udp", "tcp")],
        "trusted_peers": list(TRUSTED) if trusting else [],
    }
    settings = merged({"": {"domains": [DOMAIN, *domains]}, "sip": sip})
    deployment = Deployment(directory, sqlite_url(directory), settings, sip_port=port)
    deployment.prepare(users)
    with deployment.serving() as running:
        yield replace(running, sip=(LOOPBACK6, port))
