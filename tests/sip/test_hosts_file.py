"""Names of /etc/hosts, read anew when the file changes (RFC 3263 §4.2)."""

from pathlib import Path

import pytest

from sip.transport.hosts_file import LOOKED_AT_EVERY, HostsFile, hosts_names


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("127.0.0.1 localhost\n::1 localhost ip6-localhost\n", {"localhost", "ip6-localhost"}),
        ("192.0.2.1\tPBX.example.com pbx # the old one\n", {"pbx.example.com", "pbx"}),
        ("# 192.0.2.1 pbx\n\n192.0.2.2\n", set()),
    ],
)
def test_names_in_a_hosts_file(text: str, names: set[str]) -> None:
    """RFC 3263 §4.2: each name behind an address, without comments."""
    assert hosts_names(text) == names


def test_the_file_is_read_anew_when_it_changes(tmp_path: Path) -> None:
    """RFC 3263 §4.2: without a restart, and looked at now and then only."""
    path, clock = tmp_path / "hosts", Clock()
    path.write_text("192.0.2.1 pbx\n")
    hosts = HostsFile(str(path), clock=clock)
    assert "pbx" in hosts
    path.write_text("192.0.2.1 printer\n")
    assert "pbx" in hosts
    clock.now += LOOKED_AT_EVERY
    assert "pbx" not in hosts
    assert "printer" in hosts


def test_localhost_is_known_without_any_file(tmp_path: Path) -> None:
    """RFC 3263 §4.2."""
    hosts = HostsFile(str(tmp_path / "missing"))
    assert "localhost" in hosts
    assert "pc.localhost" in hosts
    assert "localhost.example.com" not in hosts
    assert 5 not in hosts
