"""RFC 6080 §6, PKG-06: which profile a SUBSCRIBE names, who gets it and in what form."""

import pytest

from presence.config import PresenceConfig
from presence.package import Provided
from presence.packages.ua_profile.package import ua_profile_package
from presence.packages.ua_profile.profile import Document, Name, Profile, ProfileType, name_of
from sip.authenticator import Identity
from store.values import Resource
from tests.presence.fakes import ALICE, AS_ALICE, AS_BOB, BOB, House, settle, subscribe_request

URN = "urn:uuid:00000000-0000-1000-0000-00ff8d82edcb"
DEVICE = "sip:urn%3auuid%3a00000000-0000-1000-0000-00FF8D82EDCB@example.com"
NETWORK = "sip:anything@example.com"
NOBODY = Identity(None, "none")
URL = 'message/external-body; access-type="URL"; URL="http://p.example.com/a"'
XML = Document("application/xml", b"<a/>")
JSON = Document("application/json", b"{}")
EXTERNAL = Document(URL, b"Content-Type: application/xml\r\n\r\n")


class Profiles:
    """What an operator keeps."""

    def __init__(self, **profiles: Profile) -> None:
        self.profiles = profiles
        self.version = 1

    def exists(self, name: Name) -> bool:
        return name.type.value.replace("-", "_") in self.profiles

    async def provide(self, resource: Resource) -> Provided:
        kind = name_of(resource.aor).type.value.replace("-", "_")
        return Provided(self.version, self.profiles.get(kind, ()))


def house(profiles: Profiles, **more: object) -> House:
    package = ua_profile_package(
        domains=frozenset({"example.com"}),
        exists=profiles.exists,
        provide=profiles.provide,
        **more,  # type: ignore[arg-type]
    )
    config = PresenceConfig(domains=frozenset({"example.com"}))
    return House(packages={"ua-profile": package}, config=config)


def event(kind: str) -> str:
    return f'ua-profile;profile-type={kind};vendor="v";model="m";version="1"'


EVERYTHING = {"user": (XML,), "device": (XML,), "local_network": (XML,)}


@pytest.mark.parametrize(
    ("kind", "uri", "who", "status"),
    [
        pytest.param("user", ALICE, AS_ALICE, 200, id="the own profile"),
        pytest.param("user", BOB, AS_ALICE, 403, id="that of another user"),
        pytest.param("device", DEVICE, AS_ALICE, 200, id="a device, for a user"),
        pytest.param("device", DEVICE, NOBODY, 403, id="a device, for nobody we know"),
        pytest.param("local-network", NETWORK, NOBODY, 200, id="a network, for everybody"),
        pytest.param("local-network", "sip:example.com", NOBODY, 200, id="a network by its domain"),
        pytest.param("device", DEVICE.replace("example.com", "else.org"), AS_ALICE, 404, id="else"),
        pytest.param("device", "tel:+1555", AS_ALICE, 404, id="no SIP URI"),
        pytest.param("device", "sip:00FF8D82EDCB@example.com", AS_ALICE, 400, id="not a URN"),
        pytest.param("application", ALICE, AS_ALICE, 404, id="an unknown type"),
        pytest.param("", ALICE, AS_ALICE, 400, id="no type"),
    ],
)
async def test_who_gets_which_profile(kind: str, uri: str, who: Identity, status: int) -> None:
    """RFC 6080 §6.6, §9."""
    there = house(Profiles(**EVERYTHING))
    package = event(kind) if kind else "ua-profile"
    tx = await there.subscribe(subscribe_request(event=package, uri=uri), who)
    assert tx.status == status


@pytest.mark.parametrize("kind", ["user", "device", "local-network"])
async def test_a_type_without_profiles_is_404(kind: str) -> None:
    """RFC 6080 §6.6."""
    uri = {"device": DEVICE}.get(kind, ALICE)
    tx = await house(Profiles()).subscribe(subscribe_request(event=event(kind), uri=uri), AS_ALICE)
    assert tx.status == 404


async def test_a_day_by_default() -> None:
    """RFC 6080 §6.4."""
    there = house(Profiles(**EVERYTHING))
    tx = await there.subscribe(subscribe_request(event=event("user")), AS_ALICE)
    assert tx.headers["Expires"] == "86400"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param((), XML, id="anything: the operator's first form"),
        pytest.param(("Accept: application/json",), JSON, id="one form"),
        pytest.param(("Accept: application/xml;q=0.1, application/json",), JSON, id="better"),
        pytest.param(("Accept: message/external-body",), EXTERNAL, id="content indirection"),
    ],
)
async def test_the_form_that_the_device_likes(accept: tuple[str, ...], expected: Document) -> None:
    """RFC 6080 §6.5, §6.7; RFC 4483."""
    there = house(Profiles(user=(XML, JSON, EXTERNAL)))
    await there.subscribe(subscribe_request(*accept, event=event("user")), AS_ALICE)
    (notify,) = there.endpoint.take()
    assert (notify.request.get("content-type"), notify.body) == expected


async def test_no_document_in_a_form_that_is_not_accepted() -> None:
    """RFC 6080 §6.7: then the NOTIFY is empty."""
    there = house(Profiles(user=(JSON,)))
    request = subscribe_request("Accept: application/xml", event=event("user"))
    assert (await there.subscribe(request, AS_ALICE)).status == 200
    assert there.endpoint.take()[0].body == b""


async def test_when_it_takes_effect_stands_in_the_event_header() -> None:
    """RFC 6080 §6.2.3."""
    there = house(Profiles(user=(XML,)), effective_by=3600)
    await there.subscribe(subscribe_request(event=event("user")), AS_ALICE)
    assert there.endpoint.take()[0].request.get("event") == "ua-profile;effective-by=3600"


async def test_a_new_profile_is_told_and_the_same_is_not() -> None:
    """RFC 6080 §7.2."""
    profiles = Profiles(user=(XML,), device=(XML,))
    there = house(profiles)
    await there.subscribe(subscribe_request(event=event("user")), AS_ALICE)
    there.endpoint.take()
    for body, told in ((b"<a/>", []), (b"<b/>", [b"<b/>"])):
        profiles.version += 1
        profiles.profiles["user"] = (Document("application/xml", body),)
        there.service.state_changed(Resource(ALICE, "ua-profile"))
        await settle()
        assert [one.body for one in there.endpoint.take()] == told


async def test_an_operator_may_let_others_see_profiles_of_users() -> None:
    there = house(Profiles(user=(XML,)), default_policy="allow")
    assert (await there.subscribe(subscribe_request(event=event("user")), AS_BOB)).status == 200


@pytest.mark.parametrize(
    ("aor", "name"),
    [
        (ALICE, Name(ProfileType.USER, "alice@example.com")),
        (f"sip:{URN}@example.com;profile-type=device", Name(ProfileType.DEVICE, URN)),
        (
            "sip:example.com;profile-type=local-network",
            Name(ProfileType.LOCAL_NETWORK, "example.com"),
        ),
    ],
)
def test_resources_are_profiles(aor: str, name: Name) -> None:
    assert name_of(aor) == name
