"""Documents and questions for the tests of what is computed and searched."""

from typing import Final

from store.values import Resource, SubscriptionRow
from tests.rawxcap import Answer, XcapClient
from tests.xcap.kit import ALICE
from xcap.search.exchange import MEDIA_TYPE, NAMESPACE
from xcap.usages.rls_index import NAMESPACE as RLS
from xcap.usages.rls_index import SERVICE
from xmldoc.parse import parse
from xmldoc.schema import schema

SEARCH: Final = "org.openmobilealliance.search"
PROFILES: Final = "org.openmobilealliance.user-profile"
Listed = tuple[str, str, str, list[str]]


def services(*names: str, packages: str = "") -> bytes:
    """An rls-services document with a service for each of `names`."""
    items = "".join(
        f'<r:service uri="sip:{name}@example.com"><r:list>'
        f'<rl:entry uri="sip:{name}@x.example"/></r:list>{packages}</r:service>'
        for name in names
    )
    return (
        f'<?xml version="1.0"?><r:rls-services xmlns:r="{RLS}" '
        f'xmlns:rl="urn:ietf:params:xml:ns:resource-lists">{items}</r:rls-services>'
    ).encode()


def uris(body: bytes) -> list[str | None]:
    root = parse(body)
    assert schema("rls-services").check(root) is None
    return [service.get("uri") for service in root.iterchildren(SERVICE)]


def subscription(watcher: str, state: str = "active", package: str = "presence") -> SubscriptionRow:
    return SubscriptionRow(
        id=f"{watcher} {package}",
        resource=Resource(ALICE, package),
        event_id=None,
        event_parameters="",
        watcher=watcher,
        state=state,
        call_id="c",
        local_tag="l",
        remote_tag="r",
        local_address="",
        remote_address="",
        remote_target="",
        route_set=(),
        local_contact="",
        remote_cseq=1,
        cseq_ceiling=1,
        expires_at=2_000_000.0,
        accept="",
        content_type="",
        told_version=0,
        owner="",
        transport="",
        flow="",
        created_at=0.0,
    )


def listed(body: bytes) -> list[Listed]:
    """Id, status, online and packages of each watcher in a valid document."""
    root = parse(body)
    assert schema("watchers").check(root) is None
    found: list[Listed] = []
    for element in root:
        name, status, online, *packages = [str(child.text) for child in element]
        found.append((name, status, online, packages))
    return found


def profile(aor: str, *hobbies: str) -> bytes:
    items = "".join(f"<hobby>{hobby}</hobby>" for hobby in hobbies)
    return (
        '<?xml version="1.0"?><user-profiles xmlns="urn:oma:xml:xdm:user-profile">'
        f'<user-profile uri="{aor}"><hobbies>{items}</hobbies></user-profile></user-profiles>'
    ).encode()


def query(where: str = "", collection: str = f"{PROFILES}/users/") -> str:
    condition = f"where {where}" if where else ""
    return (
        'xquery version "1.0"; declare default element namespace "urn:oma:xml:xdm:user-profile"; '
        f'for $u in collection("{collection}")/user-profiles/user-profile {condition} '
        "return <user-profile>{$u/@uri}</user-profile>"
    )


def search_set(*queries: str, attributes: str = "", inner: str = "") -> bytes:
    items = "".join(
        f'<search id="s{number}"{attributes}><request{inner}><query><![CDATA[{text}]]></query>'
        "</request></search>"
        for number, text in enumerate(queries)
    )
    return f'<search-set xmlns="{NAMESPACE}">{items}</search-set>'.encode()


async def post(
    client: XcapClient, body: bytes, target: str = "", media: str = MEDIA_TYPE
) -> Answer:
    return await client.ask("POST", SEARCH + target, body, {"Content-Type": media})


def found(answer: Answer) -> list[list[str]]:
    """Who was found by each search of a valid answer."""
    assert (answer.status, answer.headers["Content-Type"]) == (200, MEDIA_TYPE), answer.body
    root = parse(answer.body)
    assert schema("search").check(root) is None
    responses = [search[0] for search in root]
    return [[str(result.get("uri")) for result in response] for response in responses]
