"""RFC 7616, RFC 8760: hashes, nonces, nonce counts, and the client's answer."""

import hashlib

import pytest

from sip.auth_header import Challenge, Credentials
from sip.digest import (
    CLOCK_SKEW,
    COUNT_WINDOW,
    NONCE_LIFETIME,
    NonceCounts,
    NonceMint,
    NonceState,
    answer,
    best_challenge,
    ha1,
    response_for,
    same_http_uri,
    same_http_uri_decoded,
    same_sip_uri,
)
from sip.errors import ParseError

MINT = NonceMint(b"secret of the database")
NOW = 1_700_000_000.25


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_published_example(algorithm: str, response: str) -> None:
    """RFC 7616 §3.9.1."""
    challenge = Challenge(
        realm="http-auth@example.org",
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        algorithm=algorithm,
        qop=("auth", "auth-int"),
        opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    )
    credentials = answer(
        challenge,
        method="GET",
        uri="/dir/index.html",
        username="Mufasa",
        password="Circle of Life",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert credentials.response == response
    assert (credentials.nc, credentials.qop, credentials.opaque) == (
        "00000001",
        "auth",
        challenge.opaque,
    )


def test_without_qop_the_old_form_is_answered() -> None:
    """RFC 2617 §3.2.2.1, for servers that offer no qop."""
    challenge = Challenge(realm="r", nonce="n")
    made = answer(challenge, method="M", uri="u", username="a", password="p", cnonce="c")

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    assert made.response == md5(f"{md5('a:r:p')}:n:{md5('M:u')}")
    assert "qop" not in str(made)


def test_names_beyond_ascii_are_hashed_as_utf8() -> None:
    expected = hashlib.sha256("jörg:exämple:pässword".encode()).hexdigest()
    assert ha1("jörg", "exämple", "pässword", "SHA-256") == expected


def test_unknown_algorithm_is_no_silent_md5() -> None:
    with pytest.raises(KeyError):
        ha1("a", "r", "p", "MD5-sess")
    with pytest.raises(KeyError):
        response_for(Credentials("a", "r", "n", "u", "", algorithm="SHA-512"), "M", "x")


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (0.0, NonceState.FRESH),
        (NONCE_LIFETIME, NonceState.FRESH),
        (NONCE_LIFETIME + 1, NonceState.STALE),
        (-CLOCK_SKEW, NonceState.FRESH),
        (-CLOCK_SKEW - 1, NonceState.STALE),
    ],
)
def test_a_nonce_has_its_time(age: float, state: NonceState) -> None:
    assert MINT.check(MINT.mint(NOW, "w1"), NOW + age) is state


def test_any_process_with_the_secret_knows_a_nonce() -> None:
    nonce = MINT.mint(NOW, "w1")
    assert NonceMint(b"secret of the database").check(nonce, NOW) is NonceState.FRESH
    assert NonceMint(b"another secret").check(nonce, NOW) is NonceState.FORGED
    assert NonceMint.minted_at(nonce) == pytest.approx(NOW)


def test_changed_nonces_are_forged() -> None:
    nonce = MINT.mint(NOW, "w1")
    changed = [
        nonce[:at] + ("0" if nonce[at] != "0" else "1") + nonce[at + 1 :]
        for at in range(len(nonce))
    ]
    for forged in (
        *changed,
        "",
        "-",
        "--",
        "x-y-z",
        "ä-ö-ü",
        "\udcff-1-2",
        nonce + "0",
        "1" * 5000,
    ):
        assert MINT.check(forged, NOW) is NonceState.FORGED, forged


def test_salt_tells_nonces_of_one_instant_apart() -> None:
    assert MINT.mint(NOW, "w1") != MINT.mint(NOW, "w2")


def nonce_at(minted: float, salt: str = "s") -> str:
    return MINT.mint(minted, salt)


def test_a_count_is_used_once() -> None:
    """RFC 7616 §3.4."""
    counts = NonceCounts()
    nonce = nonce_at(NOW)
    assert [counts.use(nonce, count) for count in (1, 1, 2, 5, 4, 5, 3, 4, 2)] == [
        *(True, False, True, True, True, False, True, False, False)
    ]
    assert counts.use(nonce_at(NOW, "other"), 1)


def test_counts_far_behind_are_refused() -> None:
    counts = NonceCounts()
    nonce = nonce_at(NOW)
    assert counts.use(nonce, 1000)
    assert counts.use(nonce, 1000 - COUNT_WINDOW + 1)
    assert not counts.use(nonce, 1000 - COUNT_WINDOW)
    assert not counts.use(nonce, 1)
    assert counts.use(nonce, 0xFFFFFFFF)
    assert not counts.use(nonce, 1000)


def test_counts_begin_at_one() -> None:
    counts = NonceCounts()
    assert not counts.use(nonce_at(NOW), 0)
    assert not counts.use(nonce_at(NOW), -1)


def test_memory_is_bounded_and_forgetting_lets_no_replay_in() -> None:
    counts = NonceCounts(limit=10)
    nonces = [nonce_at(NOW + at) for at in range(30)]
    assert all(counts.use(nonce, 1) for nonce in nonces)
    assert not any(counts.use(nonce, 1) for nonce in nonces)
    assert not any(counts.use(nonce, 2) for nonce in nonces[:20])
    assert all(counts.use(nonce, 2) for nonce in nonces[20:])


def test_nonces_from_before_the_start_are_not_taken() -> None:
    counts = NonceCounts(floor=NOW)
    assert not counts.use(nonce_at(NOW - 1), 1)
    assert counts.use(nonce_at(NOW + 1), 1)


@pytest.mark.parametrize(
    ("values", "algorithm"),
    [
        (['Digest realm="r", nonce="n"'], "MD5"),
        (
            ['Digest realm="r", nonce="n"', 'Digest realm="r", nonce="n", algorithm=SHA-256'],
            "SHA-256",
        ),
        (
            ['Digest algorithm=SHA-512-256, realm="r", nonce="n"', 'Digest realm="r",nonce="n"'],
            "MD5",
        ),
        (
            ['Basic realm="r"', "Digest nonsense", 'Digest realm="r", nonce="n", qop="auth,x"'],
            "MD5",
        ),
        (['Digest realm="r", nonce="n", qop="auth-int"'], None),
        (['Bearer realm="r"'], None),
        ([], None),
    ],
)
def test_client_answers_the_best_it_knows(values: list[str], algorithm: str | None) -> None:
    """RFC 8760 §2.4."""
    chosen = best_challenge(values)
    assert (chosen.algorithm if chosen else None) == algorithm


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("sip:a@example.com", "sip:a@example.com", True),
        ("sip:a@example.com;transport=tcp", "sip:a@EXAMPLE.com", True),
        ("sip:example.com", "sip:example.com:5060;transport=udp", True),
        ("tel:+1", "tel:+1", True),
        ("sip:a@example.com", "sip:b@example.com", False),
        ("sip:a@example.com", "sip:a@example.net", False),
        ("sip:a@example.com", "nonsense", False),
    ],
)
def test_signed_sip_uri(ours: str, theirs: str, same: bool) -> None:
    """RFC 3261 §22.4 item 6."""
    assert same_sip_uri(ours, theirs) is same


@pytest.mark.parametrize(
    ("ours", "theirs", "same", "decoded"),
    [
        ("/a/b?x=1", "/a/b?x=1", True, True),
        ("/a/b", "http://h:80/a/b", True, True),
        ("/a/b", "/a/c", False, False),
        ("/a/b", "/a/b?x=1", False, False),
        ("/a/~~/b%5B@c=%22d%22%5D", '/a/~~/b[@c="d"]', False, True),
        ("/a", "http://[", False, False),
    ],
)
def test_signed_http_uri(ours: str, theirs: str, same: bool, decoded: bool) -> None:
    assert same_http_uri(ours, theirs) is same
    assert same_http_uri_decoded(ours, theirs) is decoded


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Digest",
        "Digest ",
        'Basic realm="r", nonce="n"',
        'Digest realm="r"',
        'Digest nonce="n"',
        'Digest realm="r" nonce="n"',
        'Digest realm="r, nonce="n"',
        'Digest realm="r", nonce="n", nonce="m"',
        'Digest realm="r", nonce="n" x',
        'Digest realm="r", nonce="n", x=' + "y" * 9000,
        'Digest realm=r;x, nonce="n"',
    ],
)
def test_broken_challenges_are_refused(text: str) -> None:
    with pytest.raises(ParseError):
        Challenge.parse(text)


def test_challenge_round_trip() -> None:
    """RFC 7616 §3.3."""
    challenge = Challenge('the "realm"', "n", "SHA-256", ("auth", "auth-int"), "o", stale=True)
    assert Challenge.parse(str(challenge)) == challenge
    text = 'DIGEST  Realm = "r" ,NONCE="n",, algorithm="MD5" , stale=TRUE,qop=auth,unknown="x,y" '
    assert Challenge.parse(text) == Challenge("r", "n", "MD5", ("auth",), None, stale=True)


def test_credentials_round_trip() -> None:
    """RFC 7616 §3.4."""
    made = Credentials("jörg", "r", "n", "sip:a", "ab", "MD5", "auth", "00000001", "c", "o")
    assert Credentials.parse(str(made)) == made
    assert ", nc=00000001," in str(made)


def test_extended_user_name() -> None:
    """RFC 7616 §3.4: username* for what a quoted string cannot hold."""
    rest = 'realm="r", nonce="n", uri="u", response="AB"'
    read = Credentials.parse(f"Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, {rest}")
    assert (read.username, read.response) == ("Jäsøn Doe", "ab")
    for broken in ("username*=latin1''x", "username*=x", "user=x"):
        with pytest.raises(ParseError):
            Credentials.parse(f"Digest {broken}, {rest}")
