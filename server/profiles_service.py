"""The directory of the profiles that `ua-profile` hands out (RFC 6080). Shell.

Below it are `local-network/DOMAIN`, `device/URN` and `user/USER@DOMAIN`, and in each a
`default` for those who have none of their own, with a suffix for each form: .xml, .json, .txt,
or .url, whose first line is the URL where the profile is and whose second, if there is one, is
its media type (RFC 4483). The directory is looked at every few seconds.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from presence.package import Provided
from presence.packages.ua_profile.package import EXTERNAL, MEDIA_TYPES
from presence.packages.ua_profile.profile import Document, Name, Profile, ProfileType, name_of
from store.values import Resource

log = structlog.get_logger(__name__)

INTERVAL: Final = 5.0
"""Seconds between two looks."""
DEFAULT: Final = "default"
MAX_OCTETS: Final = 65_536
"""Of one document."""
DEFAULT_TARGET: Final = "application/xml"
"""What is behind a URL that does not say it."""
ID_DIGITS: Final = 24
"""Hexadecimal digits of a Content-ID."""

Files = Mapping[str, tuple[Path, ...]]


class Listing(NamedTuple):
    """What there is."""

    files: Mapping[ProfileType, Files]
    """By stem."""
    version: int
    """The newest instant at which a file or directory changed, nanoseconds."""


NOTHING: Final = Listing({kind: {} for kind in ProfileType}, 0)


class ProfileDirectory:
    """All profiles. `changed` is told when any of them is another."""

    def __init__(
        self, root: Path | None, changed: Callable[[], None], interval: float = INTERVAL
    ) -> None:
        self._root = root
        self._changed = changed
        self._interval = interval
        self._listing = NOTHING if root is None else list_profiles(root)
        self._task: asyncio.Task[None] | None = None

    def exists(self, name: Name) -> bool:
        """Whether there is one of that name, or a default."""
        files = self._listing.files[name.type]
        return name.stem in files or DEFAULT in files

    async def provide(self, resource: Resource) -> Provided:
        """The profile that `resource` is, as the files have it now."""
        listing = self._listing
        name = name_of(resource.aor)
        files = listing.files[name.type]
        paths = files.get(name.stem) or files.get(DEFAULT) or ()
        return Provided(listing.version, await asyncio.to_thread(read_profile, paths))

    def start(self) -> None:
        """Begin to look."""
        if self._root is not None:
            self._task = asyncio.create_task(self._watch(self._root))

    def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    async def _watch(self, root: Path) -> None:
        while True:
            await asyncio.sleep(self._interval)
            await self.look(root)

    async def look(self, root: Path) -> None:
        """Tell of what has changed since the last look."""
        found = await asyncio.to_thread(list_profiles, root)
        if found != self._listing:
            newer = max(found.version, self._listing.version + 1)
            self._listing = found._replace(version=newer)
            log.info("profiles-changed", directory=str(root))
            self._changed()


def list_profiles(root: Path) -> Listing:
    """What is in `root` now; what cannot be read is not there.

    Names of users are as they are, since letters of another case may be another user.
    """
    newest = 0
    kinds: dict[ProfileType, Files] = {}
    for kind in ProfileType:
        files: dict[str, tuple[Path, ...]] = {}
        directory = root / kind.value
        with suppress(OSError):
            newest = max(newest, directory.stat().st_mtime_ns)
            for path in sorted(directory.iterdir(), key=_preference):
                if path.suffix in MEDIA_TYPES and path.is_file():
                    newest = max(newest, path.stat().st_mtime_ns)
                    stem = path.name.removesuffix(path.suffix)
                    stem = stem if kind is ProfileType.USER else stem.lower()
                    files[stem] = (*files.get(stem, ()), path)
        kinds[kind] = files
    return Listing(kinds, newest)


def _preference(path: Path) -> tuple[int, str]:
    suffixes = list(MEDIA_TYPES)
    return (suffixes.index(path.suffix) if path.suffix in suffixes else len(suffixes), path.name)


def read_profile(paths: tuple[Path, ...]) -> Profile:
    """The documents of one profile; one that cannot be read, or is too large, is left out."""
    found = []
    for path in paths:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_OCTETS + 1)
        except OSError as error:
            log.warning("profile-unreadable", path=str(path), error=str(error))
            continue
        if len(data) > MAX_OCTETS:
            log.warning("profile-too-large", path=str(path), most=MAX_OCTETS)
            continue
        document = _document(path, data)
        if document is not None:
            found.append(document)
    return tuple(found)


def _document(path: Path, data: bytes) -> Document | None:
    media_type = MEDIA_TYPES[path.suffix]
    return Document(media_type, data) if media_type != EXTERNAL else _indirect(path, data)


def _indirect(path: Path, data: bytes) -> Document | None:
    """A pointer to a profile; a new Content-ID with each change of its file (RFC 4483 §5.6)."""
    lines = data.decode("ascii", "replace").split("\n")
    url = lines[0].strip()
    target = (lines[1].strip() if len(lines) > 1 else "") or DEFAULT_TARGET
    if not url.startswith(("http://", "https://")) or not _plain(url) or not _plain(target):
        log.warning("profile-without-url", path=str(path))
        return None
    with suppress(OSError):
        data += str(path.stat().st_mtime_ns).encode()
    content_id = sha256(str(path).encode() + data).hexdigest()[:ID_DIGITS]
    body = f"Content-Type: {target}\r\nContent-ID: <{content_id}@profiles.invalid>\r\n\r\n"
    return Document(f'{EXTERNAL}; access-type="URL"; URL="{url}"', body.encode())


def _plain(text: str) -> bool:
    """Whether `text` can stand in a header, between quotes too."""
    return text.isascii() and text.isprintable() and not set(text) & {'"', "\\", " "}
