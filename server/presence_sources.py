"""What presence is composed of beside publications, out of the settings and the store. Shell."""

from collections.abc import Callable

from presence.policy.owner_documents import OwnerDocuments
from presence.sources.sources_service import PRESENCE, PresenceSources, SourcePorts
from proxy.changes import BindingsChange, BindingsListener
from server.config import Settings
from store.store import Store
from store.values import Resource


def presence_sources(
    settings: Settings, store: Store, documents: OwnerDocuments, secret: bytes
) -> PresenceSources:
    """Hard state always; registrations and calls when the settings ask for them."""
    said = settings.presence
    asks_bindings = said.registrations or said.last_active
    return PresenceSources(
        SourcePorts(
            document=documents.read,
            bindings=store.bindings if asks_bindings else None,
            dialogs=store.resource_state if said.calls else None,
            registrations=said.registrations,
            last_active=said.last_active,
            secret=secret,
        )
    )


def on_bindings(
    sources: PresenceSources, state_changed: Callable[[Resource], None]
) -> BindingsListener | None:
    """What hears of the registrar's changes; None when they make no difference."""
    if not sources.follows_bindings:
        return None

    def listener(change: BindingsChange) -> None:
        state_changed(Resource(change.aor, PRESENCE))

    return listener
