"""RFC 5874 §3: the URL of the XCAP root, as it is told to clients in xcap-diff documents."""

import pytest

from server.addresses import check_public_root
from server.config import Settings
from server.parts import xcap_root_url


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        pytest.param({}, "http://example.com:8080/xcap-root/", id="the-first-domain"),
        pytest.param(
            {"sip": {"advertise": "sip.example.net:5062"}},
            "http://sip.example.net:8080/xcap-root/",
            id="the-advertised-host",
        ),
        pytest.param(
            {"http": {"listen": ["127.0.0.1:80", "[::]:81"], "xcap_root": "/x"}},
            "http://127.0.0.1:80/x/",
            id="the-address-listened-on",
        ),
        pytest.param(
            {"http": {"listen": ["[::1]:8443"]}}, "http://[::1]:8443/xcap-root/", id="ipv6"
        ),
        pytest.param(
            {"http": {"public_root": "https://xcap.example.com/root"}},
            "https://xcap.example.com/root/",
            id="as-set",
        ),
    ],
)
def test_the_url_of_the_root(settings: dict[str, object], url: str) -> None:
    assert xcap_root_url(Settings.model_validate({"domains": ["example.com"], **settings})) == url


@pytest.mark.parametrize(
    "text", ["xcap.example.com", "ftp://a/", "http://", "http://a/b?c", "http://a b/"]
)
def test_what_is_no_url_of_a_root(text: str) -> None:
    with pytest.raises(ValueError, match="no URL"):
        check_public_root(text)
