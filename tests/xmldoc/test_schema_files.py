"""Schemas that operators keep in files: what is read for them, and what never is."""

from pathlib import Path

import pytest

from xmldoc.errors import BadSchema
from xmldoc.parse import parse
from xmldoc.schema_files import MAX_OCTETS, declares, schema_of_file

XSD = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:n"'
    ' xmlns:n="urn:n" elementFormDefault="qualified">{}</xs:schema>'
)
NOTES = XSD.format('{}<xs:element name="notes" type="xs:string"/>')


def including(location: str) -> str:
    return NOTES.format(f'<xs:include schemaLocation="{location}"/>')


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with files beside the schema and below, and one outside of it."""
    inside = tmp_path / "schemas"
    (inside / "more").mkdir(parents=True)
    (inside / "types.xsd").write_text(XSD.format('<xs:element name="other"/>'))
    (inside / "more" / "a.xsd").write_text(
        XSD.format(
            '<xs:include schemaLocation="b.xsd"/><xs:include schemaLocation="../types.xsd"/>'
        )
    )
    (inside / "more" / "b.xsd").write_text(XSD.format('<xs:element name="deep"/>'))
    (inside / "dtd.xsd").write_text("<!DOCTYPE x>" + XSD.format(""))
    (inside / "large.xsd").write_text(" " * (MAX_OCTETS + 1))
    (tmp_path / "outside.xsd").write_text(XSD.format('<xs:element name="outside"/>'))
    (inside / "link.xsd").symlink_to(tmp_path / "outside.xsd")
    return inside


def compiled(directory: Path, text: str, name: str = "notes.xsd") -> list[str]:
    """Which elements may begin a document of the schema `text`."""
    (directory / name).write_text(text)
    schema = schema_of_file(directory / name, "urn:n")
    names = ("notes", "other", "deep", "outside")
    return [name for name in names if declares(schema, f"{{urn:n}}{name}")]


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        pytest.param(NOTES.format(""), ["notes"], id="one file"),
        pytest.param(including("types.xsd"), ["notes", "other"], id="a file beside it"),
        pytest.param(including("more/a.xsd"), ["notes", "other", "deep"], id="files below"),
        pytest.param(
            NOTES.format(
                '<xs:import namespace="urn:ietf:params:xml:ns:resource-lists"'
                ' schemaLocation="resource-lists.xsd"/>'
            ),
            ["notes"],
            id="a schema of ours",
        ),
    ],
)
def test_a_schema_is_made_of_its_directory(directory: Path, text: str, elements: list[str]) -> None:
    assert compiled(directory, text) == elements


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(including("../outside.xsd"), "outside the directory", id="above"),
        pytest.param(including("link.xsd"), "outside the directory", id="through a link"),
        pytest.param(including("/etc/passwd"), "outside the directory", id="anywhere"),
        pytest.param(including("%2e%2e/outside.xsd"), "outside the directory", id="escaped"),
        pytest.param(including("file:///etc/passwd"), "no such file", id="file URL"),
        pytest.param(including("http://127.0.0.1:9/x.xsd"), "no such file", id="never fetched"),
        pytest.param(including("none.xsd"), "none.xsd: there is no such file", id="missing"),
        pytest.param(including("dtd.xsd"), "document type declaration", id="DTD"),
        pytest.param(including("large.xsd"), "larger than", id="large"),
        pytest.param("", "mpty", id="empty"),
        pytest.param("<a/>", "is no XML Schema", id="other XML"),
        pytest.param(NOTES.format('<xs:element name="x" type="n:none"/>'), "n}none", id="no type"),
        pytest.param(NOTES.replace("urn:n", "urn:m"), "defines the namespace 'urn:m'", id="other"),
    ],
)
def test_nothing_else_is_read_for_a_schema(directory: Path, text: str, said: str) -> None:
    with pytest.raises(BadSchema) as refused:
        compiled(directory, text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_schema_of_very_many_files_is_refused(directory: Path) -> None:
    for number in range(80):
        text = XSD.format(f'<xs:include schemaLocation="f{number + 1}.xsd"/>')
        (directory / f"f{number}.xsd").write_text(text)
    with pytest.raises(BadSchema, match="more than 64 files"):
        compiled(directory, including("f0.xsd"))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.xsd", tmp_path):
        with pytest.raises(BadSchema, match="no such file"):
            schema_of_file(path, "urn:n")


def test_documents_are_checked_as_by_schemas_of_ours(directory: Path) -> None:
    (directory / "notes.xsd").write_text(NOTES.format(""))
    schema = schema_of_file(directory / "notes.xsd", "urn:n")
    assert schema.namespaces == ("urn:n",)
    assert schema.check(parse(b'<notes xmlns="urn:n">n</notes>')) is None
    assert "notes" in (schema.check(parse(b'<notes xmlns="urn:n"><x/></notes>')) or "")
