"""`presentity xcap`: URLs, media types and what a refusal says (RFC 4825 §7, §11)."""

import pytest
from yarl import URL

from server.cli_xcap import Answer, document_url, explanation, guessed_type
from server.config import Settings
from server.errors import ServerError
from server.settings import load_settings

OWN_USAGE = (
    '{"com.example.notes": {"namespace": "urn:notes", "schema": "notes.xsd",'
    ' "media_type": "application/vnd.example.notes+xml"}}'
)
ERROR = b"""<?xml version="1.0" encoding="UTF-8"?>
<xcap-error xmlns="urn:ietf:params:xml:ns:xcap-error"><schema-validation-error phrase="no root"/>
</xcap-error>"""


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (
            "resource-lists/users/sip:alice@example.com/index",
            "http://127.0.0.1:8080/xcap-root/resource-lists/users/sip:alice@example.com/index",
        ),
        ("/other-root/x", "http://127.0.0.1:8080/other-root/x"),
        ("https://xcap.example.com/root/x", "https://xcap.example.com/root/x"),
    ],
)
def test_a_path_is_below_the_root_of_the_settings(path: str, url: str) -> None:
    assert str(document_url(path, Settings())) == url


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/xcap-root/resource-lists/users/sip:a@b/index", "application/resource-lists+xml"),
        ("/x/rls-services/global/index", "application/rls-services+xml"),
        ("/x/pres-rules/users/sip:a@b/index", "application/auth-policy+xml"),
        (
            "/x/org.openmobilealliance.pres-rules/users/sip:a@b/pres-rules",
            "application/auth-policy+xml",
        ),
        ("/x/pidf-manipulation/users/sip:a@b/index", "application/pidf+xml"),
        ("/x/simservs.ngn.etsi.org/users/a/simservs.xml", "application/vnd.etsi.simservs+xml"),
        ("/x/com.example.notes/users/sip:a@b/index", "application/vnd.example.notes+xml"),
        ("/x/pres-rules/users/sip:a@b/index/~~/ruleset/rule", "application/xcap-el+xml"),
        ("/x/pres-rules/users/sip:a@b/index/~~/ruleset/rule/@id", "application/xcap-att+xml"),
    ],
)
def test_the_media_type_follows_from_the_path(path: str, media_type: str) -> None:
    settings = load_settings(None, [f"xcap.usages={OWN_USAGE}"])
    assert guessed_type(URL(f"http://host{path}"), settings) == media_type


def test_an_unknown_usage_needs_its_type_said() -> None:
    with pytest.raises(ServerError, match="say --type"):
        guessed_type(URL("http://host/xcap-root/unheard-of/users/sip:a@b/index"), Settings())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Answer(409, "Conflict", None, "application/xcap-error+xml", ERROR),
            "409 Conflict: schema-validation-error no root",
        ),
        (Answer(409, "Conflict", None, "application/xcap-error+xml", b"<"), "409 Conflict"),
        (Answer(404, "Not Found", None, "text/plain", b"nothing"), "404 Not Found"),
    ],
)
def test_a_refusal_names_the_conflict(answer: Answer, said: str) -> None:
    assert explanation(answer) == said
