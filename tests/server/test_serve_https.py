"""HTTPS of a real server: its ready line, who asks, certificates anew, and the client for it."""

import base64
import json
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.processes import LOOPBACK, Deployment, Running, free_port, sqlite_url
from tests.rawxcap import resource_list
from tests.server.test_serve_reload import hang_up
from tests.sip.pki import Authority

ALICE: Final = "alice@example.com"
PATH: Final = f"resource-lists/users/sip:{ALICE}/index"
ENTRY: Final = f'{PATH}/~~/resource-lists/list[@name="friends"]/entry[@uri="sip:new@example.com"]'
FAILURE_LIMIT: Final = 20.0


class Secured:
    """A server that listens with and without TLS, and its certificates."""

    def __init__(self, folder: Path, **tls: str) -> None:
        self.authority = Authority(folder)
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        self.install("127.0.0.1")
        self.port, self.plain = free_port(), free_port()
        named = {"certificate": str(self.certificate), "key": str(self.key)}
        self.deployment = Deployment(
            folder / "server",
            sqlite_url(folder),
            {
                "http": {
                    "listen": [f"https:{LOOPBACK}:{self.port}", f"{LOOPBACK}:{self.plain}"],
                    "digest_algorithms": ["MD5"],
                },
                "tls": {**named, "server_ca": self.authority.root, **tls},
                "limits": {"auth_failures": 3},
            },
        )
        self.deployment.prepare({"alice": "wonderland", "bob": "builder"})

    def install(self, *names: str) -> None:
        files = self.authority.issue(*names)
        shutil.copy(files.certificate, self.certificate)
        shutil.copy(files.key or "", self.key)

    @property
    def root(self) -> str:
        return f"https://{LOOPBACK}:{self.port}/xcap-root"

    def get(self, path: str, context: ssl.SSLContext, **headers: str) -> tuple[int, bytes]:
        request = urllib.request.Request(f"{self.root}/{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def xcap(self, *arguments: str) -> tuple[int, str, str]:
        """One `presentity xcap` command as alice."""
        done = self.deployment.run("xcap", *arguments, "--user", ALICE, "--password", "wonderland")
        return done.returncode, done.stdout, done.stderr


def basic(user: str, password: str) -> Mapping[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def listening(running: Running) -> list[str]:
    with urllib.request.urlopen(f"{running.admin}/api/status", timeout=5) as answer:
        return [*json.load(answer)["listening"]]


def test_one_server_on_both(tmp_path: Path) -> None:
    """The ready line has every address; Basic only where it is encrypted (RFC 7617 §4)."""
    secured = Secured(tmp_path)
    with secured.deployment.serving() as running:
        expected = [
            f"xcap:{secured.root}",
            f"xcap:http://{LOOPBACK}:{secured.plain}/xcap-root",
        ]
        assert [name for name in listening(running) if name.startswith("xcap:")] == expected
        assert f"{expected[0]} {expected[1]}" in running.log
        context = secured.authority.client()
        assert secured.get("xcap-caps/global/index", context)[0] == 401
        assert secured.get(PATH, context, **basic("alice", "wonderland"))[0] == 404
        assert secured.get(PATH, context, **basic("bob", "builder"))[0] == 403
        plain = urllib.request.Request(
            f"http://{LOOPBACK}:{secured.plain}/xcap-root/{PATH}",
            headers=dict(basic("alice", "wonderland")),
        )
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(plain, timeout=5)


def test_guesses_over_https_lock_out(tmp_path: Path) -> None:
    """`limits.auth_failures`, as for SIP; said in the log and in /metrics."""
    secured = Secured(tmp_path)
    with secured.deployment.serving() as running:
        context = secured.authority.client()
        codes = [secured.get(PATH, context, **basic("alice", "guess"))[0] for _ in range(5)]
        assert codes == [401, 401, 401, 429, 429]
        assert secured.get(PATH, context, **basic("alice", "wonderland"))[0] == 429
        assert secured.get(PATH, context, **basic("bob", "builder"))[0] == 403
        assert "locked-out" in running.log
        with urllib.request.urlopen(f"{running.admin}/metrics", timeout=5) as answer:
            metrics = answer.read().decode()
        assert "presentity_xcap_lockouts_total 1.0" in metrics
        assert "presentity_xcap_lockout_refused_total 3.0" in metrics


def test_certificates_are_read_again(tmp_path: Path) -> None:
    """SIGHUP, as for SIP."""
    secured = Secured(tmp_path)
    context = secured.authority.client()
    context.check_hostname = True
    with secured.deployment.serving() as running:
        assert secured.get(PATH, context)[0] == 401
        secured.install("elsewhere.example")
        hang_up(running, "part=https")
        with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
            secured.get(PATH, context)


def test_a_client_certificate_names_its_user(tmp_path: Path) -> None:
    """XCP-13: no password is asked for, and another's documents stay another's."""
    clients = tmp_path / "clients"
    clients.mkdir()
    authority = Authority(clients, "Clients")
    secured = Secured(tmp_path, client_ca=authority.root)
    files = authority.issue(f"sip:{ALICE}")
    context = secured.authority.client(files)
    with secured.deployment.serving():
        assert secured.get(PATH, context)[0] == 404
        assert secured.get(PATH.replace("alice", "bob"), context)[0] == 403
        assert secured.get(PATH, secured.authority.client())[0] == 401
        stranger = secured.authority.client(authority.issue("sip:carol@example.com"))
        assert secured.get(PATH, stranger)[0] == 401


def test_https_without_a_certificate_does_not_start(tmp_path: Path) -> None:
    server = Deployment(
        tmp_path / "server",
        sqlite_url(tmp_path),
        {"http": {"listen": [f"https:{LOOPBACK}:{free_port()}"]}},
    )
    done = server.run("serve", timeout=FAILURE_LIMIT)
    assert done.returncode != 0
    [line] = [line for line in done.stderr.splitlines() if line.startswith("presentity: ")]
    assert line.startswith("presentity: http.listen: https:127.0.0.1:")
    assert "tls.certificate is not set" in line


def test_the_client_of_the_command_line(tmp_path: Path) -> None:
    """RFC 4825 §7: documents and nodes, over HTTPS, with conditions."""
    secured = Secured(tmp_path)
    document, entry = tmp_path / "list.xml", tmp_path / "entry.xml"
    document.write_bytes(resource_list("friends"))
    entry.write_text('<entry uri="sip:new@example.com"/>')
    whole = f"{secured.root}/{PATH}"
    with secured.deployment.serving():
        status, _, said = secured.xcap("put", whole, str(document), "--if-none-match", "*")
        assert (status, said.startswith("created\nETag: ")) == (0, True)
        etag = said.split()[-1]
        status, _, said = secured.xcap("put", f"{secured.root}/{ENTRY}", str(entry), "--etag", etag)
        assert (status, said.splitlines()[0]) == (0, "created")
        assert secured.xcap("put", ENTRY, str(entry), "--if-match", etag)[0] != 0
        status, out, said = secured.xcap("get", f"{secured.root}/{ENTRY}")
        assert (status, out) == (0, entry.read_text())
        etag = said.split()[-1]
        status, out, said = secured.xcap("get", whole, "--if-none-match", etag)
        assert (status, out, said.splitlines()[0]) == (0, "", "not changed")
        assert secured.xcap("get", f"{ENTRY}/@uri")[1] == '"sip:new@example.com"'
        prefixed = f"{PATH}/~~/r:resource-lists/r:list"
        bound = ("--xmlns", "r=urn:ietf:params:xml:ns:resource-lists")
        assert secured.xcap("get", prefixed, *bound)[1].startswith("<list ")
        status, _, said = secured.xcap("delete", ENTRY, "--etag", etag)
        assert (status, said.splitlines()[0]) == (0, "deleted")
        status, _, said = secured.xcap("get", ENTRY)
        assert status != 0
        assert "404 Not Found" in said
        assert secured.xcap("get", whole)[1].encode() == resource_list("friends")
        assert secured.xcap("get", whole, "--set", "tls.server_ca=")[0] != 0
        assert secured.xcap("get", whole, "--set", "tls.server_ca=", "--insecure")[0] == 0
