"""RFC 3261 §22: who is let in, who is challenged, and what is looked up on the way."""

import asyncio
import hashlib

import pytest

from sip.auth_header import Challenge, Credentials
from sip.authenticator import (
    Accepted,
    Authenticator,
    Hashes,
    Locked,
    Missing,
    Stale,
    Verdict,
    Wrong,
    hashes_for,
)
from sip.digest import NONCE_LIFETIME, NonceCounts, NonceMint, answer, best_challenge, same_http_uri
from sip.errors import ParseError
from sip.lockout import Lockout
from sip.uri import AoR

NOW = 1_700_000_000.0
REALM = "example.com"
ALICE = AoR("sip:alice@example.com")
JOERG = AoR("sip:j%C3%B6rg@example.com")
URI = "sip:alice@example.com"
CREDENTIALS = {aor: hashes_for(aor, "secret") for aor in (ALICE, JOERG)}


class Subscribers:
    """A look-up that notes who was looked up."""

    def __init__(self) -> None:
        self.asked: list[AoR] = []

    async def __call__(self, aor: AoR) -> Hashes | None:
        self.asked.append(aor)
        return CREDENTIALS.get(aor)


class House:
    """An authenticator and a client of it."""

    def __init__(
        self, *algorithms: str, secret: bytes = b"s", lockout: Lockout | None = None
    ) -> None:
        self.subscribers = Subscribers()
        self.authenticator = Authenticator(
            mint=NonceMint(secret),
            counts=NonceCounts(),
            lookup=self.subscribers,
            algorithms=algorithms or ("MD5", "SHA-256"),
            domains=[REALM],
            salt="w1",
            lockout=lockout,
        )

    def challenge(self, now: float = NOW, source: str = "") -> Challenge:
        chosen = best_challenge(self.authenticator.challenges(REALM, now=now, source=source))
        assert chosen is not None
        return chosen

    def answer(
        self,
        username: str = "alice",
        password: str = "secret",
        uri: str = URI,
        count: int = 1,
        source: str = "",
    ) -> Credentials:
        return answer(
            self.challenge(source=source),
            method="PUBLISH",
            uri=uri,
            username=username,
            password=password,
            cnonce="c",
            count=count,
        )

    async def judge(
        self,
        *credentials: Credentials | str,
        now: float = NOW,
        uri: str | None = URI,
        source: str = "",
    ) -> Verdict:
        values = [str(one) for one in credentials]
        return await self.authenticator.check(
            "PUBLISH", values, REALM, uri=uri, body=b"", now=now, source=source
        )


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize(
    ("username", "aor"),
    [
        ("alice", ALICE),
        ("alice@example.com", ALICE),
        ("alice@EXAMPLE.com", None),
        ("jörg", JOERG),
        ("jörg@example.com", JOERG),
        ("Alice", None),
        ("alice@example.net", None),
        ("bob", None),
        ("", None),
        ("@example.com", None),
        ("al ice", None),
    ],
)
async def test_user_names(algorithm: str, username: str, aor: AoR | None) -> None:
    """RFC 7616 §3.4.2, RFC 8760 §2.1; the second spelling hashes the whole name."""
    house = House(algorithm)
    verdict = await house.judge(house.answer(username))
    assert verdict == (Accepted(aor) if aor else Wrong())


async def test_wrong_password() -> None:
    house = House()
    assert await house.judge(house.answer(password="guess")) == Wrong()
    assert house.subscribers.asked == [ALICE]


async def test_challenges_in_the_order_of_the_settings() -> None:
    """RFC 8760 §2.3: one header line each, the same nonce."""
    first, second = House("MD5", "SHA-256").authenticator.challenges(REALM, now=NOW)
    read = [Challenge.parse(first), Challenge.parse(second)]
    assert [one.algorithm for one in read] == ["MD5", "SHA-256"]
    assert read[0].nonce == read[1].nonce
    assert {one.realm for one in read} == {REALM}
    assert {one.qop for one in read} == {("auth",)}
    assert not read[0].stale


async def test_nonces_differ_and_stale_is_told() -> None:
    """RFC 7616 §3.3."""
    house = House("MD5")
    assert house.challenge().nonce != house.challenge().nonce
    (value,) = house.authenticator.challenges(REALM, now=NOW, stale=True)
    assert Challenge.parse(value).stale


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["NoOneKnowsThisScheme opaque-data=here"],
        ["Basic YWxpY2U6c2VjcmV0"],
        ["Digest"],
        ['Digest username="alice", realm="example.com"'],
        ["\x00\udcff"],
    ],
)
async def test_nothing_is_looked_up_without_credentials(values: list[str]) -> None:
    """RFC 4475 §3.3.7."""
    house = House()
    assert await house.judge(*values) == Missing()
    assert house.subscribers.asked == []


async def test_nothing_is_looked_up_for_a_forged_nonce() -> None:
    house = House()
    stranger = House(secret=b"another")
    assert await house.judge(stranger.answer()) == Missing()
    assert house.subscribers.asked == []


async def test_a_nonce_of_another_process_is_good() -> None:
    house = House()
    assert await house.judge(House().answer()) == Accepted(ALICE)


async def test_credentials_for_another_realm_are_passed_over() -> None:
    house = House()
    other = Credentials("alice", "example.net", "n", URI, "0", "MD5", "auth", "00000001", "c")
    assert await house.judge(other) == Missing()
    assert await house.judge(other, house.answer()) == Accepted(ALICE)


async def test_an_old_nonce_is_stale_only_with_the_right_password() -> None:
    """RFC 7616 §3.3."""
    house = House()
    late = NOW + NONCE_LIFETIME + 1
    assert await house.judge(house.answer(), now=late) == Stale()
    assert await house.judge(house.answer(password="guess"), now=late) == Wrong()


async def test_a_replay_is_stale_and_the_next_count_is_good() -> None:
    """RFC 7616 §3.4."""
    house = House()
    nonce = house.challenge()

    def again(count: int) -> Credentials:
        return answer(
            nonce,
            method="PUBLISH",
            uri=URI,
            username="alice",
            password="secret",
            cnonce="c",
            count=count,
        )

    assert await house.judge(again(1)) == Accepted(ALICE)
    assert await house.judge(again(1)) == Stale()
    assert await house.judge(again(2)) == Accepted(ALICE)


async def test_a_guess_uses_up_no_count() -> None:
    house = House()
    credentials = house.answer()
    assert await house.judge(credentials.signed("0" * 64)) == Wrong()
    assert await house.judge(credentials) == Accepted(ALICE)


async def test_method_and_uri_are_signed() -> None:
    house = House()
    values = [str(house.answer())]
    verdict = await house.authenticator.check("REGISTER", values, REALM, uri=URI, body=b"", now=NOW)
    assert verdict == Wrong()
    assert await house.judge(house.answer(uri="sip:bob@example.com")) == Wrong()
    assert await house.judge(house.answer(uri="sip:alice@example.com;transport=udp")) == Accepted(
        ALICE
    )
    assert await house.judge(house.answer(uri="sip:bob@example.com"), uri=None) == Accepted(ALICE)


async def test_http_compares_request_targets() -> None:
    house = House()
    values = [str(house.answer(uri="/xcap/alice"))]
    verdict = await house.authenticator.check(
        "PUBLISH", values, REALM, uri="/xcap/bob", body=b"", now=NOW, same_uri=same_http_uri
    )
    assert verdict == Wrong()


@pytest.mark.parametrize(
    ("spoilt", "by"),
    [
        (', qop="auth"', ""),
        (", qop=auth", ", qop=auth-int"),
        (", nc=00000001", ", nc=1"),
        (", nc=00000001", ", nc=0000000g"),
        (', cnonce="c"', ', cnonce=""'),
        ("algorithm=SHA-256", "algorithm=SHA-256-sess"),
        ("algorithm=SHA-256", "algorithm=SHA-512-256"),
    ],
)
async def test_forms_that_we_did_not_offer_are_challenged(spoilt: str, by: str) -> None:
    house = House()
    text = (
        str(house.answer()).replace('qop="auth"', "qop=auth").replace(", qop=auth,", ", qop=auth,")
    )
    if spoilt == ', qop="auth"':
        spoilt = ", qop=auth"
    assert spoilt in text
    assert await house.judge(text.replace(spoilt, by)) == Missing()
    assert house.subscribers.asked == []


async def test_a_realm_that_is_not_served_lets_nobody_in() -> None:
    house = House()
    (value, _) = house.authenticator.challenges("example.net", now=NOW)
    made = answer(
        Challenge.parse(value),
        method="PUBLISH",
        uri=URI,
        username="alice",
        password="secret",
        cnonce="c",
    )
    verdict = await house.authenticator.check(
        "PUBLISH", [str(made)], "example.net", uri=URI, body=b"", now=NOW
    )
    assert verdict == Wrong()


def test_settings_name_known_algorithms_only() -> None:
    for algorithms in ((), ("MD5", "SHA-1"), ("md5",)):
        with pytest.raises(ValueError, match="digest algorithms"):
            Authenticator(
                mint=NonceMint(b"s"),
                counts=NonceCounts(),
                lookup=Subscribers(),
                algorithms=algorithms,
                domains=[REALM],
            )


def test_hashes_need_a_user() -> None:
    with pytest.raises(ParseError):
        hashes_for(AoR("sip:example.com"), "secret")


async def test_right_credentials_are_answered_with_our_own_proof() -> None:
    """RFC 7616 §3.5: with the values of RFC 7616 §3.9.1 in the roles of RFC 3261 §22.4."""
    house = House("MD5")
    credentials = house.answer()
    verdict = await house.judge(credentials)
    assert isinstance(verdict, Accepted)
    hashed = hashlib.md5(f":{URI}".encode()).hexdigest()
    told = f"{CREDENTIALS[ALICE].md5}:{credentials.nonce}:00000001:c:auth:{hashed}"
    proof = hashlib.md5(told.encode()).hexdigest()
    assert verdict.info == f'qop=auth, rspauth="{proof}", cnonce="c", nc=00000001'


GUESSES = 3


@pytest.fixture
async def locked() -> House:
    """A house that 192.0.2.1 guessed alice's password at."""
    house = House(lockout=Lockout(GUESSES, 60))
    for _ in range(GUESSES):
        await house.judge(house.answer(password="guess", source="192.0.2.1"))
    house.subscribers.asked.clear()
    return house


async def test_last_wrong_guess_says_that_it_locks() -> None:
    house = House(lockout=Lockout(GUESSES, 60))
    told = [await house.judge(house.answer(password="guess")) for _ in range(GUESSES)]
    assert [isinstance(one, Wrong) and one.locks for one in told] == [False, False, True]


async def test_nothing_is_looked_up_while_locked(locked: House) -> None:
    """Nor is the right password told from a wrong one."""
    assert await locked.judge(locked.answer(source="192.0.2.1")) == Locked(ALICE)
    assert locked.subscribers.asked == []


@pytest.mark.parametrize(
    ("username", "source", "verdict"),
    [
        pytest.param("alice", "192.0.2.2", Accepted(ALICE), id="user-elsewhere"),
        pytest.param("jörg", "192.0.2.1", Accepted(JOERG), id="neighbour"),
        pytest.param("alice", "2001:db8::1", Accepted(ALICE), id="ipv6"),
    ],
)
async def test_lock_hits_nobody_else(
    locked: House, username: str, source: str, verdict: Verdict
) -> None:
    assert await locked.judge(locked.answer(username, source=source)) == verdict


async def test_failure_counts_against_whom_the_nonce_was_sent_to() -> None:
    """Whatever address the packets of a guesser bear, its victim is not locked out."""
    house = House(lockout=Lockout(GUESSES, 60))
    nonce = house.answer(password="guess", source="203.0.113.66")
    for _ in range(GUESSES):
        await house.judge(nonce)
    assert await house.judge(nonce) == Locked(ALICE)
    assert await house.judge(house.answer(source="192.0.2.1")) == Accepted(ALICE)


async def test_who_overhears_a_nonce_locks_nobody_out_with_it() -> None:
    """RFC 3261 §26.1: nor is it worth more guesses than a nonce of one's own."""
    house = House(lockout=Lockout(GUESSES, 60))
    thief, user = "203.0.113.66", "192.0.2.1"
    for _ in range(GUESSES):
        await house.judge(house.answer(password="guess", source=user), source=thief)
    for overheard in (thief, "203.0.113.67"):
        verdict = await house.judge(house.answer(source=user), source=overheard)
        assert verdict == Locked(ALICE)
    assert await house.judge(house.answer(source=user), source=user) == Accepted(ALICE)


async def test_a_phone_may_move_with_its_nonce() -> None:
    """RFC 7616 §3.3: a new address, or the next of several proxies, needs no new challenge."""
    house = House(lockout=Lockout(GUESSES, 60))
    answer = house.answer(source="192.0.2.1")
    assert await house.judge(answer, source="198.51.100.7") == Accepted(ALICE)


async def test_one_ipv6_site_is_one_origin() -> None:
    house = House(lockout=Lockout(GUESSES, 60))
    for number in range(GUESSES):
        await house.judge(house.answer(password="guess", source=f"2001:db8::{number}"))
    assert await house.judge(house.answer(source="2001:db8::ffff")) == Locked(ALICE)
    assert await house.judge(house.answer(source="2001:db8:0:1::1")) == Accepted(ALICE)


async def test_wrong_nonce_and_old_nonce_are_no_guess() -> None:
    house = House(lockout=Lockout(GUESSES, 60))
    stranger = House(secret=b"another")
    for _ in range(GUESSES + 1):
        assert await house.judge(stranger.answer(password="guess")) == Missing()
        assert await house.judge(house.answer(), now=NOW + NONCE_LIFETIME + 1) == Stale()
    assert await house.judge(house.answer()) == Accepted(ALICE)


async def test_many_guesses_at_once_are_as_many_guesses() -> None:
    """Those that waited for their look-up when the lock came are not judged either."""
    house = House(lockout=Lockout(GUESSES, 60))
    asked = asyncio.Event()

    async def slowly(aor: AoR) -> Hashes | None:
        await asked.wait()
        return CREDENTIALS.get(aor)

    house.authenticator._lookup = slowly
    judged = [asyncio.ensure_future(house.judge(house.answer(password="guess")))
              for _ in range(GUESSES * 3)]  # fmt: skip
    await asyncio.sleep(0)
    asked.set()
    verdicts = await asyncio.gather(*judged)
    assert verdicts.count(Wrong()) == GUESSES
    assert verdicts.count(Locked(ALICE)) == GUESSES * 2
