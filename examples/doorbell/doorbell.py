"""The event package com.example.doorbell: who rings at a house.

The door station publishes {"visitor": "...", "picture": "..."} for the house's AoR. The
household sees all of it; whoever else has an account here learns only that somebody rings.
"""

import json
from typing import Any

from presence.plugin import (
    ALLOW,
    BLOCK,
    AoR,
    BadBody,
    Decision,
    EventPackage,
    Host,
    Identity,
    PackageState,
    SubHandling,
    View,
    event_package,
)

JSON = "application/json"
NEIGHBOUR = Decision(SubHandling.ALLOW, grant="neighbour")


@event_package(api=1)
def package(host: Host) -> EventPackage:
    """The package; `household` among its options lists the AoRs of those who live there."""
    household = frozenset(host.options.get("household", ()))

    async def authorize(aor: AoR, watcher: Identity, package: str) -> Decision:
        if watcher.aor is None:
            return BLOCK
        return ALLOW if watcher.aor == aor or watcher.aor in household else NEIGHBOUR

    return EventPackage(
        name=host.name,
        content_types=(JSON,),
        compose=compose,
        render=render,
        authorize=authorize,
        check_body=check_body,
        publish_types=(JSON,),
        default_expires=600,
        min_interval=1.0,
    )


def compose(aor: AoR, state: PackageState) -> bytes:
    """All that is published, the newest first; nobody rings where nothing is."""
    newest_first = sorted(state.publications, key=lambda one: -one.published_at)
    return document([json.loads(one.body) for one in newest_first])


def render(aor: AoR, state: PackageState, whole: bytes, view: View) -> bytes:
    """The document as one kind of watcher sees it."""
    if view.grant is None:
        return whole
    return document([{} for _ in state.publications])


def document(rings: list[dict[str, Any]]) -> bytes:
    """Watchers of one view share these octets, so that the same state is told once."""
    return json.dumps({"rings": rings}, sort_keys=True).encode()


def check_body(body: bytes, content_type: str, aor: AoR) -> None:
    """Refuse a publication (400) that is no JSON object."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadBody(f"is not JSON: {error}") from None
    if not isinstance(said, dict):
        raise BadBody("is no JSON object")
