"""The client's half of HTTP digest (RFC 7616 §3.4), for tests that want none of our own code.

A `Login` answers challenges for one user. Which of several challenges it takes is what real
clients differ in, so that is a parameter.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

HASHES: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "MD5": hashlib.md5,
    "SHA-256": hashlib.sha256,
}
_PARAMETER: Final = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')

Challenge = Mapping[str, str]
Choose = Callable[[Sequence[Challenge]], Challenge]


def challenge_of(value: str) -> Challenge:
    """The parameters of one WWW-Authenticate value; `algorithm` is there even when unsaid."""
    scheme, _, rest = value.strip().partition(" ")
    assert scheme.lower() == "digest", value
    found = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
    return {"algorithm": "MD5", **found}


def first(challenges: Sequence[Challenge]) -> Challenge:
    """What SIPp, SIP.js and JsSIP take: the first, whatever it is."""
    return challenges[0]


def last(challenges: Sequence[Challenge]) -> Challenge:
    """What pjsua takes."""
    return challenges[-1]


def first_md5(challenges: Sequence[Challenge]) -> Challenge:
    """What a client does that looks for the one algorithm it has."""
    return next(found for found in challenges if found["algorithm"].upper() == "MD5")


@dataclass
class Login:
    """One user's credentials, with the nonce in use and its count."""

    user: str
    password: str
    choose: Choose = first
    challenge: Challenge | None = None
    count: int = 0
    seen: list[Challenge] = field(default_factory=list)
    """The challenges of the last 401, in the server's order."""

    def learn(self, values: Sequence[str]) -> None:
        """Take up the challenges of a 401."""
        self.seen = [challenge_of(value) for value in values]
        self.challenge, self.count = self.choose(self.seen), 0

    def authorization(self, method: str, uri: str) -> str:
        """The Authorization value for the next request; the nonce-count goes up (§3.4)."""
        assert self.challenge is not None, "no challenge was learned"
        self.count += 1
        challenge, nc, cnonce = self.challenge, f"{self.count:08x}", secrets.token_hex(8)
        response = self._response(challenge, method, uri, nc, cnonce)
        fields = [
            f'username="{self.user}"',
            f'realm="{challenge["realm"]}"',
            f'nonce="{challenge["nonce"]}"',
            f'uri="{uri}"',
            f'response="{response}"',
            f"algorithm={challenge['algorithm']}",
            f'cnonce="{cnonce}"',
            "qop=auth",
            f"nc={nc}",
        ]
        fields += [f'opaque="{challenge["opaque"]}"'] if "opaque" in challenge else []
        return "Digest " + ", ".join(fields)

    def _response(self, challenge: Challenge, method: str, uri: str, nc: str, cnonce: str) -> str:
        def digest(text: str) -> str:
            return str(HASHES[challenge["algorithm"].upper()](text.encode()).hexdigest())

        secret = digest(f"{self.user}:{challenge['realm']}:{self.password}")
        request = digest(f"{method}:{uri}")
        return digest(f"{secret}:{challenge['nonce']}:{nc}:{cnonce}:auth:{request}")
