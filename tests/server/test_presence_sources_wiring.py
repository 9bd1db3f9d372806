"""PRS-07, PRS-08, PRS-12: what is off is not read, and nobody listens for it."""

from typing import cast

import pytest

from presence.policy.owner_documents import OwnerDocuments
from proxy.changes import BindingsChange, Cause
from server.config import Settings
from server.presence_sources import on_bindings, presence_sources
from sip.uri import AoR
from store.store import Store
from store.values import (
    BindingSet,
    Change,
    Document,
    DocumentKey,
    Kind,
    Resource,
    ResourceState,
)

ALICE = AoR("sip:alice@example.com")


class Asked:
    """A store that knows nothing and remembers what it was asked for."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    async def document(self, key: DocumentKey) -> Document | None:
        self.reads.append("document")
        return None

    async def bindings(self, aor: str) -> BindingSet:
        self.reads.append("bindings")
        return BindingSet(0, ())

    async def resource_state(self, resource: Resource) -> ResourceState:
        self.reads.append(resource.package)
        return ResourceState(0, ())


@pytest.mark.parametrize(
    ("presence", "reads", "kinds"),
    [
        pytest.param({}, ["document"], set(), id="hard-state-alone"),
        pytest.param({"registrations": True}, ["document", "bindings"], {Kind.BINDING}, id="reg"),
        pytest.param({"last_active": True}, ["document", "bindings"], {Kind.BINDING}, id="last"),
        pytest.param({"calls": True}, ["document", "dialog"], {Kind.RESOURCE}, id="calls"),
    ],
)
async def test_only_what_the_settings_ask_for_is_read_and_heard(
    presence: dict[str, bool], reads: list[str], kinds: set[Kind]
) -> None:
    settings = Settings.model_validate({"domains": ["example.com"], "presence": presence})
    store = Asked()
    documents = OwnerDocuments(store.document)
    sources = presence_sources(settings, cast(Store, store), documents, b"secret")
    await sources.provide(Resource(ALICE, "presence"))
    assert store.reads == reads
    changes = [Change(Kind.BINDING, ALICE, 1), Change(Kind.RESOURCE, f"{ALICE} dialog", 1)]
    assert {change.kind for change in changes if sources.affected(change)} == kinds
    told: list[Resource] = []
    listener = on_bindings(sources, told.append)
    assert (listener is not None) == (Kind.BINDING in kinds)
    if listener is not None:
        listener(BindingsChange(ALICE, None, (), 1, Cause.REGISTERED))
        assert told == [Resource(ALICE, "presence")]
