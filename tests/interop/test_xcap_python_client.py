"""The manners of the widespread Python XCAP client, against a real server that forgives them.

It writes nothing of its own in RFC 3986: node selectors go out as they are, in the request line
and in the digest; bodies are sent like forms, and entity-tags without their quotation marks.
"""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.processes import LOOPBACK, Deployment, sqlite_url
from tests.rawdigest import Login, first
from tests.rawxcap import resource_list

LIST: Final = "/xcap-root/resource-lists/users/sip:alice@example.com/index"
ENTRY: Final = f'{LIST}/~~/resource-lists/list[@name="friends"]/entry[@uri="sip:bob@example.com"]'
ELEMENT: Final = b'<entry uri="sip:bob@example.com"/>'
FORM: Final = "application/x-www-form-urlencoded"


class PythonClient:
    """One user's client, on a new connection for each request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._login = Login("alice", "wonderland", first)

    def ask(
        self, method: str, target: str, body: bytes = b"", **fields: str
    ) -> tuple[int, str, bytes]:
        """Status, entity-tag as the client keeps it, and body."""
        answer = self._once(method, target, body, fields)
        if answer.startswith(b"HTTP/1.1 401"):
            lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")
            name = "WWW-Authenticate: "
            self._login.learn([line[len(name) :] for line in lines if line.startswith(name)])
            signed = {"Authorization": self._login.authorization(method, target), **fields}
            answer = self._once(method, target, body, signed)
        head, _, content = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        etag = next((line[6:].strip('"') for line in lines if line.startswith("ETag: ")), "")
        return int(lines[0].split(" ")[1]), etag, content

    def _once(self, method: str, target: str, body: bytes, fields: dict[str, str]) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        if body:
            lines += [f"Content-Length: {len(body)}", f"Content-Type: {FORM}"]
        with socket.create_connection((LOOPBACK, self._port), timeout=10) as wire:
            wire.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            return b"".join(iter(lambda: wire.recv(65536), b""))


@pytest.fixture(params=["true", "false"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[PythonClient, bool]]:
    """A client, and whether its server forgives."""
    deployment = Deployment(tmp_path, sqlite_url(tmp_path))
    deployment.prepare({"alice": "wonderland"})
    with deployment.serving("--set", f"xcap.compatibility={request.param}"):
        yield PythonClient(deployment.http_port), request.param == "true"


def test_its_contact_list_lives_from_put_to_delete(client: tuple[PythonClient, bool]) -> None:
    """RFC 4825 §7; where nothing is forgiven each step says what is wrong."""
    asked, forgiven = client
    status, etag, said = asked.ask("PUT", LIST, resource_list("friends"))
    if not forgiven:
        assert (status, said.startswith(b"the body must be application/resource-lists")) == (
            415,
            True,
        )
        status, _, said = asked.ask("GET", ENTRY)
        assert (status, said) == (400, b"[ in the request target must be written as %5B\n")
        assert asked.ask("GET", LIST, If_Match="bare")[0] == 400
        return
    assert (status, bool(etag)) == (201, True)
    status, newer, _ = asked.ask("PUT", ENTRY, ELEMENT, If_Match=etag)
    assert status == 201
    assert asked.ask("PUT", ENTRY, ELEMENT, If_Match=etag)[0] == 412
    assert asked.ask("GET", ENTRY) == (200, newer, ELEMENT)
    assert asked.ask("GET", LIST, If_None_Match=newer)[0] == 304
    assert asked.ask("DELETE", ENTRY, If_Match=f'"{newer}"')[0] == 200
    assert asked.ask("GET", LIST)[2] == resource_list("friends")
    assert asked.ask("DELETE", LIST)[0] == 200
