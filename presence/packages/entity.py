"""Whose document it is, by its `entity` attribute. Pure."""

from presence.errors import BadBody
from sip.errors import ParseError
from sip.uri import AoR, aor_of


def is_of(entity: str, aor: AoR) -> bool:
    """Whether `entity` is `aor` as an AoR: port and parameters make no difference (PUB-06).

    Raises BadBody for what is the URI of nobody.
    """
    try:
        return aor_of(entity.strip()) == aor
    except ParseError:
        raise BadBody("the entity is not the URI of a user") from None
