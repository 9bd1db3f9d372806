"""What SIP clients on the market do that servers trip over, each as the client does it."""

import secrets

import pytest

from tests.rawdigest import Choose, Login, first, first_md5, last
from tests.rawsip import compose, tag_of
from tests.rawusers import NewUser, Subscription, pidf


@pytest.mark.parametrize("choose", [first, last, first_md5])
async def test_each_way_of_choosing_a_challenge_registers(
    new_user: NewUser, choose: Choose, transport: str
) -> None:
    """RFC 8760 §2.3: linphone takes the first, pjsua the last, SIPp and JsSIP know MD5 only."""
    user = await new_user(transport, Login("", "", choose))
    answer = await user.register(f"<{user.client.contact}>")
    assert answer.status == 200
    assert user.login is not None
    assert [found["algorithm"] for found in user.login.seen] == ["MD5", "SHA-256"]


async def test_one_nonce_serves_many_requests_with_its_count_going_on(new_user: NewUser) -> None:
    """RFC 7616 §3.4: linphone keeps a nonce; nothing after the first request is challenged."""
    user = await new_user()
    await user.register(f"<{user.client.contact}>")
    heard = len(user.client.responses)
    answers = [await user.register(f"<{user.client.contact}>") for _ in range(5)]
    assert [answer.status for answer in answers] == [200] * 5
    assert len(user.client.responses) == heard + 5


async def test_a_nonce_count_seen_before_is_refused(new_user: NewUser) -> None:
    """RFC 7616 §3.4: a request replayed in a new transaction does not authenticate."""
    user = await new_user()
    await user.register(f"<{user.client.contact}>")
    assert user.login is not None
    user.login.count -= 1
    replay = user.compose("REGISTER", user.domain_uri, [], to=f"<{user.aor}>", call_id=user.call_id)
    assert (await user.client.exchange(replay)).status == 401


async def test_a_registration_may_name_its_transport_in_the_request_uri(new_user: NewUser) -> None:
    """baresip registers at sip:domain;transport=udp (RFC 3261 §10.2 wants only the domain)."""
    user = await new_user()
    contact = ("Contact", f"<{user.client.contact}>")
    answer = await user.ask("REGISTER", f"{user.domain_uri};transport=udp", [contact])
    assert answer.status == 200
    assert user.client.contact in answer["Contact"]


async def test_two_publications_at_start_are_two(new_user: NewUser) -> None:
    """RFC 3903 §4.1: baresip publishes twice at start; each lives and ends by itself."""
    user = await new_user()
    one = await user.publish(pidf(user.aor, "desk", tuple_id="a"))
    two = await user.publish(pidf(user.aor, "sofa", tuple_id="b"))
    watching = await user.subscribe(user.aor)
    seen = await watching.notified(1)
    assert b"desk" in seen.body
    assert b"sofa" in seen.body
    assert (await user.publish(if_match=one["SIP-ETag"], expires=0)).status == 200
    left = await watching.notified(2)
    assert b"desk" not in left.body
    assert b"sofa" in left.body
    assert (await user.publish(if_match=two["SIP-ETag"])).status == 200


async def test_a_publish_without_body_and_length_withdraws(new_user: NewUser) -> None:
    """RFC 3261 §18.3: linphone leaves by a datagram that has no Content-Length at all."""
    user = await new_user()
    tag = (await user.publish(pidf(user.aor, "here")))["SIP-ETag"]
    headers = [("Event", "presence"), ("Expires", "0"), ("SIP-If-Match", tag)]
    whole = user.compose("PUBLISH", user.aor, headers, to=f"<{user.aor}>", call_id="withdraw")
    answer = await user.client.exchange(whole.replace(b"Content-Length: 0\r\n", b""))
    assert answer.status == 200
    assert (await user.publish(if_match=tag)).status == 412


@pytest.mark.parametrize(
    "tag",
    [
        "never-made",
        "a.1795611114.9141.2.0",  # another server's, from before a migration
        "x" * 300,
        "!%*_+`'~",  # every odd character that a token may have
    ],
)
async def test_an_entity_tag_we_never_made_is_412(new_user: NewUser, tag: str) -> None:
    """RFC 3903 §6 step 3: for a refresh and for a change alike."""
    user = await new_user()
    assert (await user.publish(if_match=tag)).status == 412
    assert (await user.publish(pidf(user.aor, "x"), if_match=tag)).status == 412


async def test_an_entity_tag_of_somebody_else_is_412(new_user: NewUser) -> None:
    """RFC 3903 §6 step 3: a tag names a publication of one presentity only."""
    one, two = await new_user(), await new_user()
    tag = (await one.publish(pidf(one.aor, "mine")))["SIP-ETag"]
    assert (await two.publish(if_match=tag)).status == 412
    assert (await one.publish(if_match=tag)).status == 200


async def test_publishing_for_somebody_else_is_403(new_user: NewUser) -> None:
    """RFC 3903 §6 step 2 and §14.1."""
    one, two = await new_user(), await new_user()
    headers = [("Event", "presence"), ("Content-Type", "application/pidf+xml")]
    answer = await one.ask("PUBLISH", two.aor, headers, pidf(two.aor, "forged"), to=f"<{two.aor}>")
    assert answer.status == 403


async def test_an_event_with_an_id_is_its_package(new_user: NewUser) -> None:
    """RFC 6665 §8.2.1: matched without the id, which comes back in each NOTIFY."""
    user = await new_user()
    watching = await user.subscribe(user.aor, event="presence;id=1")
    notify = await watching.notified(1)
    assert notify["Event"].replace(" ", "") == "presence;id=1"


async def test_from_and_to_of_a_notify_are_those_of_the_dialog(
    new_user: NewUser, transport: str
) -> None:
    """RFC 3261 §12.2.1.1: handsets compare them character by character."""
    user = await new_user(transport)
    tag = secrets.token_hex(4)
    from_ = f'"Ann \\"A\\"  <b>;c" <{user.aor};user=phone>;tag={tag};odd="x y";Flag'
    to = f'"A  Name, with a comma"  <{user.aor}>'
    headers = [("Event", "presence"), ("Contact", f"<{user.client.contact}>"), ("Expires", "300")]
    await user.register(f"<{user.client.contact}>")
    assert user.login is not None
    headers.append(("Authorization", user.login.authorization("SUBSCRIBE", user.aor)))
    request = user.client.request(
        *("SUBSCRIBE", user.aor), from_=from_, to=to, call_id=tag, cseq=1, headers=headers
    )
    answer = await user.client.exchange(request)
    assert answer.status == 200
    watching = Subscription(user, user.aor, call_id=tag)
    notify = await watching.notified(1)
    assert notify["To"] == from_
    assert notify["From"] == answer["To"]
    assert answer["To"].startswith(to)


async def test_a_publish_by_udp_reaches_a_watcher_on_tcp(new_user: NewUser) -> None:
    """RFC 3261 §18: each side keeps its transport."""
    publisher, watcher = await new_user("UDP"), await new_user("TCP")
    watching = await watcher.subscribe(publisher.aor)
    await watching.notified(1)
    await publisher.publish(pidf(publisher.aor, "seen"))
    notify = await watching.shows("seen")
    assert "/TCP" in notify["Via"]
    assert notify["Content-Type"].startswith("application/pidf+xml")


async def test_a_subscribe_sent_twice_makes_one_dialog(new_user: NewUser) -> None:
    """RFC 3261 §17.2.2: one answer, one dialog, one NOTIFY."""
    user = await new_user()
    await user.register(f"<{user.client.contact}>")
    headers = [("Event", "presence"), ("Contact", f"<{user.client.contact}>"), ("Expires", "300")]
    request = user.compose("SUBSCRIBE", user.aor, headers, to=f"<{user.aor}>", call_id="twice")
    one = await user.client.exchange(request)
    two = await user.client.exchange(request)
    assert tag_of(one["To"]) == tag_of(two["To"])
    watching = Subscription(user, user.aor, call_id="twice")
    await watching.notified(1)
    await user.publish(pidf(user.aor, "next"))
    await watching.shows("next")
    assert len(watching.notifies) == 2


async def test_an_unanswered_notify_is_sent_again_as_it_was(new_user: NewUser) -> None:
    """RFC 3261 §17.1.2.2: same branch, same CSeq, until it is answered."""
    user = await new_user()
    user.client.answer = lambda _: None if len(user.client.requests) < 1 else 200
    watching = await user.subscribe(user.aor)
    assert await user.client.until(lambda: len(user.client.requests) >= 2)
    one, two = user.client.requests[:2]
    assert one == two
    assert len(watching.notifies) == 1


async def test_a_watcher_that_answers_481_is_forgotten(new_user: NewUser) -> None:
    """RFC 6665 §4.2.2: a phone that restarted does not know the dialog any more."""
    user = await new_user()
    watching = await user.subscribe(user.aor)
    await watching.notified(1)
    user.client.answer = lambda _: 481
    await user.publish(pidf(user.aor, "lost"))
    await watching.notified(2)
    refreshed = await watching.send(300)
    for _ in range(10):
        if refreshed.status == 481:
            break
        refreshed = await watching.send(300)
    assert refreshed.status == 481


@pytest.mark.parametrize("method", ["SUBSCRIBE", "PUBLISH"])
async def test_headers_in_compact_form_and_odd_case_are_read(
    new_user: NewUser, method: str
) -> None:
    """RFC 3261 §7.3.3 and §7.3.1: short names for all that have one."""
    user = await new_user()
    await user.register(f"<{user.client.contact}>")
    assert user.login is not None
    body = pidf(user.aor, "short") if method == "PUBLISH" else b""
    lines = [
        ("v", user.client.via()),
        ("f", user.address),
        ("T", f"<{user.aor}>"),
        ("i", secrets.token_hex(8)),
        ("cSEQ", f"1 {method}"),
        ("MAX-forwards", "70"),
        ("o", "presence"),
        ("m", f"<{user.client.contact}>"),
        ("eXPIRES", "300"),
        ("AUTHORIZATION", user.login.authorization(method, user.aor)),
        *([("c", "application/pidf+xml")] if body else []),
        ("l", str(len(body))),
    ]
    data = compose(f"{method} {user.aor} SIP/2.0", lines, body)
    user.client.send(data)
    assert await user.client.until(lambda: user.client.responses[-1].method == method)
    assert user.client.responses[-1].status == 200
