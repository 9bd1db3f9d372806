"""Over sockets: packages of an operator's own, capabilities, drain, replaced subscriptions."""

import json
import shutil
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from presence.plugin import GROUP
from tests.processes import Deployment, Running, Section, sqlite_url
from tests.rawsip import Heard, SipClient
from tests.rawusers import Subscription, User

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "examples" / "doorbell"
ALICE: Final = "sip:alice@example.com"
BOB: Final = "sip:bob@example.com"
CAROL: Final = "sip:carol@example.com"
DOORBELL: Final = "com.example.doorbell"
LAMP: Final = "com.example.lamp"
URN: Final = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
DEACTIVATED: Final = "terminated;reason=deactivated"
SETTINGS: Final[dict[str, Section]] = {
    "sip": {"trusted_peers": ["127.0.0.0/8"]},
    "presence": {"replace": "instance"},
    f'presence.packages."{LAMP}"': {"types": ["application/json"], "publish": True},
    f'presence.packages."{DOORBELL}"': {"interval": 0},
    f'presence.packages."{DOORBELL}".options': {"household": [BOB]},
}


def installed(directory: Path) -> Path:
    """Lay the example into `directory`, where a server that is started looks, as pip does."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    info = directory / "presentity_doorbell-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    ((name, value),) = project["entry-points"][GROUP].items()
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value}\n")
    return Path(shutil.copy(EXAMPLE / "doorbell.py", directory))


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """A server that trusts loopback, with one package declared and one plugged in."""
    installed(tmp_path / "server")
    return Deployment(tmp_path / "server", sqlite_url(tmp_path), SETTINGS)


@pytest.fixture
def running(deployment: Deployment) -> Iterator[Running]:
    with deployment.serving() as process:
        yield process


async def publish(user: User, event: str, body: bytes, content_type: str) -> Heard:
    headers = [("Event", event), ("Content-Type", content_type), ("Expires", "600")]
    return await user.ask("PUBLISH", user.aor, headers, body)


def readyz(running: Running) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{running.admin}/readyz", timeout=5) as answer:
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode().strip()


def metrics(running: Running) -> str:
    with urllib.request.urlopen(f"{running.admin}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


async def test_the_worked_example_of_the_documentation(running: Running) -> None:
    """PKG-08: the household sees who rings, a neighbour that somebody does; and the house sees
    who watches, which the package has for nothing."""
    async with (
        await SipClient.open(running.sip) as door,
        await SipClient.open(running.sip) as indoors,
        await SipClient.open(running.sip) as outdoors,
    ):
        house = User(door, ALICE)
        inside = await User(indoors, BOB).subscribe(ALICE, event=DOORBELL)
        outside = await User(outdoors, CAROL).subscribe(ALICE, event=DOORBELL)
        assert json.loads((await inside.notified(1)).body) == {"rings": []}
        answer = await publish(house, DOORBELL, b'{"visitor": "Mallory"}', "application/json")
        assert answer.status == 200
        assert json.loads((await inside.notified(2)).body) == {"rings": [{"visitor": "Mallory"}]}
        assert json.loads((await outside.notified(2)).body) == {"rings": [{}]}
        watchers = await house.subscribe(ALICE, event=f"{DOORBELL}.winfo")
        shown = (await watchers.notified(1)).body.decode()
        assert (f'package="{DOORBELL}"' in shown, BOB in shown, CAROL in shown) == (True,) * 3
    assert "level=error" not in running.log


async def test_a_declared_package_is_published_and_watched(running: Running) -> None:
    """PKG-08; RFC 3903 §6: what is not of the type is refused."""
    async with (
        await SipClient.open(running.sip) as lamp,
        await SipClient.open(running.sip) as hall,
    ):
        owner, watcher = User(lamp, ALICE), User(hall, BOB)
        watched = await watcher.subscribe(ALICE, event=LAMP)
        assert (await watched.notified(1)).body == b""
        assert (await publish(owner, LAMP, b'{"on":true}', "application/json")).status == 200
        told = await watched.notified(2)
        assert (told.body, told["Content-Type"]) == (b'{"on":true}', "application/json")
        assert (await publish(owner, LAMP, b"{", "application/json")).status == 400
        refused = await publish(owner, LAMP, b"on", "text/plain")
        assert (refused.status, refused["Accept"]) == (415, "application/json")


async def test_the_server_says_what_it_serves(running: Running) -> None:
    """EVT-16: RFC 3261 §11.2, RFC 6665 §4.4.4; no templates."""
    async with await SipClient.open(running.sip) as client:
        user = User(client, BOB)
        answer = await user.ask("OPTIONS", "sip:example.com", to="<sip:example.com>")
        events = set(answer["Allow-Events"].split(", "))
        assert {DOORBELL, LAMP, "presence", "dialog", "xcap-diff"} <= events
        assert [name for name in events if name.endswith(".winfo")] == []
        accepted = set(answer["Accept"].split(", "))
        assert {"application/json", "application/pidf+xml"} <= accepted
        assert "application/resource-lists+xml" in accepted
        assert "gzip" in answer["Accept-Encoding"].split(", ")
        watched = Subscription(user, ALICE, LAMP)
        assert set((await watched.send(600))["Allow-Events"].split(", ")) == events


async def test_a_drain_moves_subscriptions_and_can_be_called_off(
    deployment: Deployment, running: Running
) -> None:
    """EVT-12, RFC 6665 §4.4.2: deactivated, 503 for new dialogs, not ready meanwhile."""
    async with await SipClient.open(running.sip) as client:
        user = User(client, BOB)
        watched = [await user.subscribe(ALICE, event=event) for event in (LAMP, "presence")]
        for one in watched:
            await one.notified(1)
        said = deployment.must_run("drain", "--rate", "50", "--wait").splitlines()
        assert said[-1] == "moved: 2 moved, 0 left"
        for one in watched:
            assert (await one.notified(2))["Subscription-State"] == DEACTIVATED
        assert readyz(running) == (503, "draining")
        refused = await Subscription(user, ALICE, LAMP).send(600)
        assert (refused.status, bool(refused["Retry-After"])) == (503, True)
        assert (await watched[0].send(600)).status == 481
        assert deployment.must_run("drain", "--cancel").startswith("idle: 2 moved")
        assert readyz(running) == (200, "ready")
        assert (await Subscription(user, ALICE, LAMP).send(600)).status == 200
        figures = metrics(running)
        assert "presentity_migrated_total 2.0" in figures
        assert "presentity_draining 0.0" in figures
    assert "level=error" not in running.log


async def test_a_rebooted_phone_replaces_its_subscription(running: Running) -> None:
    """EVT-13: the same instance, another port; the older one is told nothing more."""
    async with (
        await SipClient.open(running.sip) as before,
        await SipClient.open(running.sip) as after,
        await SipClient.open(running.sip) as lamp,
    ):
        for client, call in ((before, "before"), (after, "after")):
            headers = [
                ("Contact", f'<{client.contact}>;+sip.instance="<{URN}>"'),
                ("Event", LAMP),
                ("Expires", "600"),
            ]
            answer = await User(client, BOB).ask(
                "SUBSCRIBE", ALICE, headers, to=f"<{ALICE}>", call_id=call
            )
            assert answer.status == 200
        assert await before.until(lambda: bool(before.dialogs.get("before")))
        assert await after.until(lambda: bool(after.dialogs.get("after")))
        assert await after.until(lambda: "presentity_subs_replaced_total 1.0" in metrics(running))
        assert (await publish(User(lamp, ALICE), LAMP, b"1", "application/json")).status == 200
        assert await after.until(lambda: len(after.dialogs["after"]) == 2)
        assert len(before.dialogs["before"]) == 1


FAULTY: Final = """
@event_package(api=1)
def package(host):
    async def authorize(aor, watcher, package):
        if watcher.aor == "sip:carol@example.com":
            raise RuntimeError("authorize")
        return ALLOW

    def compose(aor, state):
        if state.publications:
            raise RuntimeError("compose")
        return b"{}"

    return EventPackage(
        name=host.name, content_types=(JSON,), publish_types=(JSON,), compose=compose,
        authorize=authorize,
    )
"""


async def test_a_package_that_fails_harms_nobody_else(deployment: Deployment) -> None:
    """PKG-08: 500 for one request, the end of one subscription, and the server lives on."""
    module = deployment.directory / "doorbell.py"
    module.write_text(module.read_text() + FAULTY)
    with deployment.serving() as running:
        async with (
            await SipClient.open(running.sip) as one,
            await SipClient.open(running.sip) as other,
        ):
            bob, carol = User(one, BOB), User(other, CAROL)
            assert (await Subscription(carol, ALICE, DOORBELL).send(600)).status == 500
            watched = await bob.subscribe(ALICE, event=DOORBELL)
            assert (await watched.notified(1)).body == b"{}"
            answer = await publish(User(one, ALICE), DOORBELL, b"{}", "application/json")
            assert answer.status == 200
            assert await one.until(lambda: "event=notify-failed" in running.log)
            assert (await watched.send(600)).status == 481
            await (await carol.subscribe(ALICE, event=LAMP)).notified(1)
        assert "RuntimeError: authorize" in running.log
        assert "RuntimeError: compose" in running.log


def test_a_broken_package_stops_the_server_with_its_name(deployment: Deployment) -> None:
    """PKG-08: before anything listens, in one line."""
    (deployment.directory / "doorbell.py").write_text("import no_such_module_of_test\n")
    done = deployment.run("serve")
    assert done.returncode != 0
    (line,) = [one for one in done.stderr.splitlines() if one.startswith("presentity: ")]
    assert line == (
        f"presentity: event package {DOORBELL} of presentity-doorbell 1.0 (doorbell:package): "
        "ModuleNotFoundError: No module named 'no_such_module_of_test'"
    )


def test_the_example_is_the_one_of_the_documentation() -> None:
    """docs/packages.md shows both files as they are."""
    page = (EXAMPLE.parents[1] / "docs" / "packages.md").read_text()
    for name in ("doorbell.py", "pyproject.toml"):
        assert (EXAMPLE / name).read_text().strip() in page
