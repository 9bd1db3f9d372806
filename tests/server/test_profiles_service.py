"""PKG-06: the directory of profiles, and what happens when a file of it changes."""

import os
from pathlib import Path

import pytest

from presence.packages.ua_profile.profile import Document, Name, Profile, ProfileType
from server.profiles_service import MAX_OCTETS, ProfileDirectory
from sip.uri import AoR
from store.values import Resource

USER, DEVICE = ProfileType.USER, ProfileType.DEVICE
ALICE = Resource(AoR("sip:alice@example.com"), "ua-profile")
BOB = Resource(AoR("sip:bob@example.com"), "ua-profile")


class Kept:
    """A directory, and how often it was told to have changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.changes = 0
        (root / "user").mkdir(parents=True)
        self.clock = 1_800_000_000

    def write(self, name: str, data: bytes) -> Path:
        """A file that is newer than all before it, as its directory is."""
        path = self.root / name
        path.write_bytes(data)
        self.touch(path)
        return path

    def touch(self, path: Path) -> None:
        self.clock += 1
        os.utime(path, (self.clock, self.clock))
        os.utime(path.parent, (self.clock, self.clock))

    def open(self) -> ProfileDirectory:
        return ProfileDirectory(self.root, self._changed)

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "profiles")


async def documents(profiles: ProfileDirectory, resource: Resource) -> Profile:
    found = (await profiles.provide(resource)).state
    assert isinstance(found, tuple)
    return found


async def test_a_profile_of_ones_own_or_the_default(kept: Kept) -> None:
    kept.write("user/alice@example.com.xml", b"<a/>")
    kept.write("user/default.json", b"{}")
    profiles = kept.open()
    assert await documents(profiles, ALICE) == (Document("application/xml", b"<a/>"),)
    assert await documents(profiles, BOB) == (Document("application/json", b"{}"),)
    assert profiles.exists(Name(USER, "bob@example.com"))
    assert not profiles.exists(Name(DEVICE, "urn:uuid:1"))


async def test_letters_of_another_case_are_another_user(kept: Kept) -> None:
    """RFC 3261 §19.1.4: and another URN is the same device (RFC 8141 §3.1)."""
    kept.write("user/Alice@example.com.xml", b"<a/>")
    (kept.root / "device").mkdir()
    kept.write("device/URN:UUID:AB.xml", b"<d/>")
    profiles = kept.open()
    assert not profiles.exists(Name(USER, "alice@example.com"))
    assert profiles.exists(Name(USER, "Alice@example.com"))
    assert profiles.exists(Name(DEVICE, "urn:uuid:ab"))


async def test_a_profile_in_several_forms(kept: Kept) -> None:
    """The order is that of the package, not of the directory."""
    for suffix, data in ((".txt", b"t"), (".json", b"{}"), (".xml", b"<a/>"), (".bak", b"no")):
        kept.write(f"user/alice@example.com{suffix}", data)
    found = await documents(kept.open(), ALICE)
    assert [one.content_type for one in found] == [
        "application/xml",
        "application/json",
        "text/plain",
    ]


async def test_a_pointer_to_a_profile(kept: Kept) -> None:
    """RFC 4483 §5.6: another Content-ID whenever the file is written again."""
    path = kept.write("user/alice@example.com.url", b"https://p.example.com/a\ntext/plain\n")
    profiles = kept.open()
    (first,) = await documents(profiles, ALICE)
    url = 'message/external-body; access-type="URL"; URL="https://p.example.com/a"'
    assert first.content_type == url
    assert first.body.startswith(b"Content-Type: text/plain\r\nContent-ID: <")
    assert first.body.endswith(b">\r\n\r\n")
    kept.touch(path)
    (again,) = await documents(profiles, ALICE)
    assert again.content_type == url
    assert again.body != first.body


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("a.url", b"ftp://p.example.com/a", id="another scheme"),
        pytest.param(
            "a.url", b'http://p.example.com/"\r\nVia: x', id="a URL that leaves its quotes"
        ),
        pytest.param("a.url", b"http://p.example.com/\xff", id="not ASCII"),
        pytest.param("a.url", b"http://p.example.com/\nte xt", id="a media type that is none"),
        pytest.param("a.xml", b"x" * (MAX_OCTETS + 1), id="too large"),
    ],
)
async def test_a_file_that_is_no_profile_is_left_out(kept: Kept, name: str, data: bytes) -> None:
    kept.write(f"user/{name.replace('a.', 'alice@example.com.')}", data)
    assert await documents(kept.open(), ALICE) == ()


async def test_a_change_is_told_once_and_counts(kept: Kept) -> None:
    kept.write("user/alice@example.com.xml", b"<a/>")
    profiles = kept.open()
    before = await profiles.provide(ALICE)
    await profiles.look(kept.root)
    assert kept.changes == 0
    kept.write("user/alice@example.com.xml", b"<b/>")
    await profiles.look(kept.root)
    await profiles.look(kept.root)
    after = await profiles.provide(ALICE)
    assert kept.changes == 1
    assert after.version > before.version
    assert after.state == (Document("application/xml", b"<b/>"),)


async def test_a_file_that_is_gone_is_a_change_too(kept: Kept) -> None:
    path = kept.write("user/alice@example.com.xml", b"<a/>")
    profiles = kept.open()
    before = await profiles.provide(ALICE)
    path.unlink()
    await profiles.look(kept.root)
    after = await profiles.provide(ALICE)
    assert (after.state, kept.changes) == ((), 1)
    assert after.version > before.version


async def test_no_directory_is_no_profile(tmp_path: Path) -> None:
    for root in (None, tmp_path / "nowhere"):
        profiles = ProfileDirectory(root, lambda: None)
        assert not profiles.exists(Name(USER, "alice@example.com"))
        assert await documents(profiles, ALICE) == ()


async def test_no_name_leads_out_of_the_directory(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "secret.xml").write_bytes(b"<secret/>")
    profiles = kept.open()
    outside = Resource(AoR("sip:../../secret"), "ua-profile")
    assert await documents(profiles, outside) == ()
