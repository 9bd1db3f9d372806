"""What the process asks of its host: open files, memory, ports, the files it is named. Shell."""

import errno
import gc
import os
import resource
from pathlib import Path
from typing import Final

from server.config import TlsSettings
from server.errors import ServerError

GC_THRESHOLDS: Final = (250_000, 20, 100)
"""What requests leave behind lives for timer J or longer and is no garbage: looking at it every
50,000 objects cost 7 % of a PUBLISH (docs/benchmarks.md). Cycles are rare here."""
SHUTDOWN_TIMEOUT: Final = 2.0
"""Seconds that HTTP requests under way get at the end."""


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one; the limit then in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def settle_memory() -> None:
    """Take what start-up made out of the collector's sight, and let it run less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def check_files(tls: TlsSettings) -> None:
    """Raise ServerError for a file of `[tls]` that is named and cannot be read."""
    named = {
        "certificate": tls.certificate,
        "key": tls.key,
        "client_ca": tls.client_ca,
        "server_ca": tls.server_ca,
    }
    for host, files in tls.hosts.items():
        named |= {f"hosts.{host}.certificate": files.certificate, f"hosts.{host}.key": files.key}
    for key, name in named.items():
        if name and not os.access(Path(name), os.R_OK):
            raise ServerError(f"tls.{key}: {name}: there is no such file that can be read")


def cannot_listen(key: str, address: str, error: OSError) -> ServerError:
    """The operator's line for a listener that `error` kept from being opened."""
    code = error.errno
    reason = os.strerror(code) if code else str(error)
    if code == errno.EADDRINUSE:
        reason = "the port is in use by another process"
    return ServerError(f"{key}: {address}: {reason}")
