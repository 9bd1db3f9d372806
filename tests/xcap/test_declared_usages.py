"""Application usages that an operator declares (RFC 4825 §5): as good as those of the server."""

from pathlib import Path

import pytest

from sip.uri import AoR
from tests.xcap.kit import CONFIG, serving
from xcap.config import DeclaredUsage, XcapConfig
from xcap.declared import BadUsage
from xcap.errors import SchemaValidationError
from xcap.registry import OPTIONAL, USAGES, usages
from xcap.uri import Tree
from xcap.usage import Place

NOTES_XSD = """
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:notes"
    elementFormDefault="qualified">
  <xs:element name="notes">
    <xs:complexType>
      <xs:sequence>
        <xs:element name="note" minOccurs="0" maxOccurs="unbounded">
          <xs:complexType>
            <xs:simpleContent>
              <xs:extension base="xs:string">
                <xs:attribute name="id" type="xs:ID" use="required"/>
              </xs:extension>
            </xs:simpleContent>
          </xs:complexType>
        </xs:element>
      </xs:sequence>
    </xs:complexType>
  </xs:element>
  <xs:element name="note"/>
</xs:schema>
"""
AUID = "com.example.notes"
TYPE = "application/vnd.example.notes+xml"
HOME = f"{AUID}/users/sip:alice@example.com"
DOCUMENT = b'<notes xmlns="urn:notes"><note id="a">one</note></notes>'
PLACE = Place(Tree.USERS, AoR("sip:alice@example.com"), "example.com")


@pytest.fixture
def schema_file(tmp_path: Path) -> str:
    file = tmp_path / "notes.xsd"
    file.write_text(NOTES_XSD)
    return str(file)


def declaring(*declared: DeclaredUsage) -> XcapConfig:
    return XcapConfig(domains=CONFIG.domains, search=False, declared=declared)


def notes(schema_file: str, root: str = "notes", auid: str = AUID) -> DeclaredUsage:
    return DeclaredUsage(auid, "urn:notes", TYPE, schema_file, root, ("index",))


async def test_its_documents_live_as_all_others_do(schema_file: str) -> None:
    """Media type, schema, names, nodes by the default namespace, caps, others' trees."""
    async with serving(declaring(notes(schema_file))) as served:
        client = served.client()
        assert (await client.put(f"{HOME}/index", DOCUMENT, TYPE)).status == 201
        assert (await client.put(f"{HOME}/index", DOCUMENT, "text/xml")).status == 415
        assert (await client.put(f"{HOME}/other", DOCUMENT, TYPE)).status == 409
        bad = await client.put(f"{HOME}/index", b'<notes xmlns="urn:notes"><x/></notes>', TYPE)
        assert (bad.status, b"<schema-validation-error" in bad.body) == (409, True)
        got = await client.get(f"{HOME}/index")
        assert (got.body, got.headers["Content-Type"]) == (DOCUMENT, TYPE)
        node = await client.get(f"{HOME}/index/~~/notes/note%5B1%5D/@id")
        assert (node.status, node.body.strip(b'"')) == (200, b"a")
        caps = await client.get("xcap-caps/global/index")
        assert b"<auid>com.example.notes</auid>" in caps.body
        assert b"<namespace>urn:notes</namespace>" in caps.body
        assert (await client.get(HOME.replace("alice", "bob") + "/index")).status == 403


def test_without_a_root_any_element_of_the_schema_may_begin(schema_file: str) -> None:
    usage = usages(declaring(notes(schema_file, root="")))[-1]
    for body in (DOCUMENT, b'<note xmlns="urn:notes"/>'):
        usage.validate(body, PLACE)
    with pytest.raises(SchemaValidationError):
        usage.validate(b'<else xmlns="urn:notes"/>', PLACE)


@pytest.mark.parametrize("auid", [usage.auid for usage in USAGES] + sorted(OPTIONAL))
def test_the_servers_own_are_not_declared_anew(schema_file: str, auid: str) -> None:
    """RFC 4825 §5.1: an AUID names one usage."""
    with pytest.raises(BadUsage, match="one of the server's own") as refused:
        usages(declaring(notes(schema_file, auid=auid)))
    assert (refused.value.auid, refused.value.key) == (auid, "")


@pytest.mark.parametrize(
    ("declared", "key", "said"),
    [
        (DeclaredUsage(AUID, "urn:other", TYPE, "{}"), "schema", "not 'urn:other'"),
        (DeclaredUsage(AUID, "urn:notes", TYPE, "{}.none"), "schema", "no such file"),
        (DeclaredUsage(AUID, "urn:notes", TYPE, "{}", "memo"), "root", "declares no memo"),
        (DeclaredUsage(AUID, "urn:notes", TYPE, "{}", "no name"), "root", "no name of an element"),
    ],
)
def test_a_mistake_is_told_by_its_key(
    schema_file: str, declared: DeclaredUsage, key: str, said: str
) -> None:
    file = declared.schema.format(schema_file)
    wrong = DeclaredUsage(AUID, declared.namespace, TYPE, file, declared.root)
    with pytest.raises(BadUsage) as refused:
        usages(declaring(wrong))
    assert (refused.value.auid, refused.value.key) == (AUID, key)
    assert said in str(refused.value)
