"""`presentity xcap`: URLs, media types and what a refusal says (RFC 4825 §7, §11)."""

import pytest
from yarl import URL

from server.config import Settings
from server.errors import ServerError
from server.settings import load_settings
from server.xcap_client import Answer, document_url, explanation, guessed_type

OWN_USAGE = (
    '{"com.example.notes": {"namespace": "urn:notes", "schema": "notes.xsd",'
    ' "media_type": "application/vnd.example.notes+xml"}}'
)
ERROR = b"""<?xml version="1.0" encoding="UTF-8"?>
<xcap-error xmlns="urn:ietf:params:xml:ns:xcap-error"><schema-validation-error phrase="no root"/>
</xcap-error>"""

UNIQUE = b"""<xcap-error xmlns="urn:ietf:params:xml:ns:xcap-error">
<uniqueness-failure phrase="taken"><exists field="rls-services/service/@uri">
<alt-value>sip:b@example.com</alt-value></exists>
</uniqueness-failure></xcap-error>"""
UNIQUE_SAID = "409 Conflict: uniqueness-failure taken rls-services/service/@uri sip:b@example.com"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (
            "resource-lists/users/sip:alice@example.com/index",
            "http://127.0.0.1:8080/xcap-root/resource-lists/users/sip:alice@example.com/index",
        ),
        ("/other-root/x", "http://127.0.0.1:8080/other-root/x"),
        ("https://xcap.example.com/root/x", "https://xcap.example.com/root/x"),
        (
            'https://h/x/index/~~/resource-lists/list[@name="a b"]?xmlns(p=urn:x)',
            "https://h/x/index/~~/resource-lists/list%5B@name=%22a%20b%22%5D?xmlns(p=urn:x)",
        ),
        ("https://h/x/~~/list%5B1%5D", "https://h/x/~~/list%5B1%5D"),
        (
            "/x/users/sip:\u00e9@example.com/i",
            "http://127.0.0.1:8080/x/users/sip:%C3%A9@example.com/i",
        ),
    ],
)
def test_a_path_is_below_the_root_of_the_settings(path: str, url: str) -> None:
    assert str(document_url(path, Settings())) == url


@pytest.mark.parametrize(
    ("listen", "origin"),
    [
        ("https:0.0.0.0:8443", "https://127.0.0.1:8443"),
        ("https:0.0.0.0:8443,[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_server_is_where_the_settings_say(listen: str, origin: str) -> None:
    settings = load_settings(None, [f"http.listen={listen}"])
    assert str(document_url("x", settings)) == f"{origin}/xcap-root/x"


def test_prefixes_are_bound_in_the_query() -> None:
    """RFC 4825 §6.4."""
    url = document_url("/x/~~/p:a/q:b", Settings(), ["p=urn:x", "q=http://y"])
    assert str(url).endswith("/x/~~/p:a/q:b?xmlns(p=urn:x)xmlns(q=http://y)")


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
        ("/x/a/users/b/i/~~/l/list%5B@u=%22a/@b%22%5D", "application/xcap-el+xml"),
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
        (
            Answer(404, "Not Found", None, "text/plain", b"no such user\n"),
            "404 Not Found: no such user",
        ),
        (Answer(404, "Not Found", None, "text/html", b"<h1>"), "404 Not Found"),
        (Answer(409, "Conflict", None, "application/xcap-error+xml", UNIQUE), UNIQUE_SAID),
    ],
)
def test_a_refusal_names_the_conflict(answer: Answer, said: str) -> None:
    assert explanation(answer) == said
