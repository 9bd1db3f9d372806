"""RFC 3261 §11.2: the server says of itself what is so."""

import pytest

from proxy.answers import Extensions
from proxy.options import options_headers, register_tags


@pytest.mark.parametrize(
    ("extensions", "tags"),
    [
        pytest.param(Extensions(), ("gruu", "outbound", "path"), id="all"),
        pytest.param(Extensions(outbound=False), ("gruu", "path"), id="no-outbound"),
        pytest.param(Extensions(gruu=False), ("outbound", "path"), id="no-gruu"),
    ],
)
def test_supported_follows_the_settings(extensions: Extensions, tags: tuple[str, ...]) -> None:
    """RFC 3261 §20.37; what a REGISTER may require is the same list."""
    assert register_tags(extensions) == tags
    headers = options_headers(packages=["presence"], content_types=["a/b"], supported=tags)
    assert dict(headers)["Supported"] == ", ".join(tags)


@pytest.mark.parametrize(
    ("codings", "said"), [((), "identity"), (("gzip", "deflate"), "gzip, deflate, identity")]
)
def test_codings_that_are_taken_are_listed(codings: tuple[str, ...], said: str) -> None:
    """RFC 3261 §20.2."""
    headers = options_headers(packages=(), content_types=(), supported=(), codings=codings)
    assert dict(headers)["Accept-Encoding"] == said
