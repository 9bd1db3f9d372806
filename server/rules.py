"""Builds what decides who may watch whom, out of the settings and the XCAP documents. Shell."""

import time
from collections.abc import Callable, Mapping, Sequence

from presence.config import PresenceConfig
from presence.package import EventPackage
from presence.policy.policy import Authorize, Policies, by_policies
from presence.policy.rule_sources import Provisioned, RuleSources
from presence.policy.rulebook import PRES_RULES
from presence.policy.rules_service import PRESENCE, RulesService, Watching
from server.config import Settings
from server.oma_documents import INDEX, default_document
from server.parts import presence_config, xcap_config, xcap_root_url
from server.provision_service import ProvisionedDocuments
from server.rules_lists import ExternalLists
from sip.uri import AoR
from store.store import Store
from store.values import Document, DocumentKey, Publication, Resource
from xcap.access import Access
from xcap.ports import Documents, OnChange


def policies(config: PresenceConfig, packages: Mapping[str, EventPackage]) -> Policies:
    """What the operator has decided."""
    named = ((package.name, package.default_policy) for package in packages.values())
    return Policies(
        default=config.default_policy,
        by_domain=config.domain_policy,
        by_package={name: policy for name, policy in named if policy is not None},
        no_match=config.no_match,
        silent_block=config.silent_block,
    )


def rules_service(
    settings: Settings,
    store: Store,
    access: Access,
    packages: Mapping[str, EventPackage],
    watching: Callable[[], Watching],
) -> RulesService | None:
    """What decides by rules; None when the settings want none asked."""
    config = presence_config(settings)
    if not config.rules:
        return None
    lists = ExternalLists(read=store.document, access=access, config=xcap_config(settings))

    async def publications(aor: AoR) -> Sequence[Publication]:
        return (await store.resource_state(Resource(aor, PRESENCE))).publications

    return RulesService(
        sources=RuleSources(
            documents=store.documents,
            publications=publications,
            lists=lists,
            provisioned=provisioned(config, xcap_root_url(settings)),
        ),
        policies=policies(config, packages),
        watching=watching,
        clock=time.time,
    )


def provisioned(config: PresenceConfig, root_url: str) -> Provisioned:
    """The rules of those who have none (AUT-08)."""

    def oma(owner: AoR) -> Document | None:
        return default_document(DocumentKey(PRES_RULES, owner, INDEX), root_url)

    return oma if config.provision_rules == "oma" else lambda owner: None


def authorize(
    rules: RulesService | None, settings: Settings, packages: Mapping[str, EventPackage]
) -> Authorize:
    """The server's decision; packages may have one of their own."""
    if rules is not None:
        return rules.authorize
    return by_policies(policies(presence_config(settings), packages))


def provided_documents(settings: Settings, store: Store, on_change: OnChange) -> Documents:
    """The documents that XCAP serves: those of `store`, and default ones if wanted (AUT-08)."""
    if presence_config(settings).provision_rules != "oma":
        return store
    root_url = xcap_root_url(settings)
    return ProvisionedDocuments(store, root_url=root_url, clock=time.time, on_change=on_change)
