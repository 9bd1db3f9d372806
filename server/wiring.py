"""Builds the services over an open store, each given its own part of the settings. Shell.

Nothing listens and nothing runs yet when `build` returns; `server.app` starts and stops it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from presence.coding import CODINGS
from presence.package import EventPackage, accepted_types, allow_events
from presence.packages.ua_profile.package import NAME as UA_PROFILE
from presence.policy.owner_documents import OwnerDocuments
from presence.policy.rules_service import RulesService
from presence.service import EventService
from presence.stats import EventStats
from presence.winfo.package import with_watcher_information
from proxy.addresses import OurAddresses
from proxy.keepalive_service import KeepaliveService
from proxy.options import options_headers, register_tags
from proxy.outbound import Edge
from proxy.recovery_service import RecoveryService
from proxy.registrar_service import RegistrarService
from proxy.relay_service import RelayService
from server.account_limits import AccountLimits
from server.approvals import Approvals
from server.approvals_view import ApprovalsView
from server.built_in import built_in
from server.config import Settings
from server.config_values import LogLevel
from server.dispatch import Dispatcher
from server.identity_service import IdentityService
from server.internal_address import internal_address
from server.logs import traced
from server.metrics import Metrics
from server.notify_target import NotifyTargets
from server.packages import event_packages
from server.parts import (
    application_usages,
    dns_resolver,
    endpoint_config,
    our_addresses,
    presence_config,
    profile_files,
    registrar_extensions,
    registrar_limits,
    relay_config,
    routing_file,
    worker_id,
    xcap_config,
)
from server.presence_sources import on_bindings, presence_sources
from server.profiles_service import ProfileDirectory
from server.publishers import publishers_leave
from server.routing_service import RoutingService
from server.rules import authorize, provided_documents, rules_service
from sip.authenticator import Authenticator, CredentialLookup, Hashes
from sip.digest import NonceCounts, NonceMint
from sip.errors import SipError
from sip.lockout import Lockout
from sip.transport.dns_resolver import DnsResolver
from sip.transport.endpoint import Endpoint, ServerTransaction
from sip.transport.flow import Flow
from sip.transport.peer_certificate import certificate_of
from sip.trust import TrustedPeers
from sip.uri import AoR
from store.store import Store
from store.values import Change
from xcap.administration import Administration
from xcap.http.server import XcapServer
from xcap.json.service import JsonView
from xcap.ports import OnChange

log = structlog.get_logger("server")


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one process."""

    ours: OurAddresses
    store: Store
    endpoint: Endpoint
    events: EventService
    registrar: RegistrarService
    relay: RelayService
    dispatcher: Dispatcher
    xcap: XcapServer
    event_stats: EventStats
    metrics: Metrics
    routing: RoutingService
    resolver: DnsResolver
    identities: IdentityService
    keepalive: KeepaliveService
    recovery: RecoveryService
    administration: Administration
    profiles: ProfileDirectory
    documents: OwnerDocuments
    rules: RulesService | None
    """None: the settings want no rules asked."""
    approvals: Approvals

    def profiles_changed(self) -> None:
        """Tell devices of their new profiles."""
        for resource in self.events.engine.index.resources:
            if resource.package == UA_PROFILE:
                self.events.state_changed(resource)

    def on_flow_closed(self, flow: Flow) -> None:
        """Hear that a connection is gone."""
        self.registrar.flow_lost(flow)
        self.events.flow_lost(flow.name)

    def on_change(self, change: Change) -> None:
        """Hear what another process changed."""
        self.documents.on_change(change)
        if self.rules is not None:
            self.rules.on_change(change)
        self.events.on_change(change)
        self.registrar.on_change(change)


@dataclass(frozen=True, slots=True)
class Ground:
    """What most services stand on."""

    settings: Settings
    store: Store
    worker: str
    """Letters and digits that no other process of the deployment has."""
    secret: bytes
    """The deployment's, so that one process knows what another has made."""
    ours: OurAddresses
    mint: NonceMint
    counts: NonceCounts
    """Mint and counts are shared by SIP and XCAP."""
    resolver: DnsResolver
    lockout: Lockout
    """Who guesses over SIP is not listened to over HTTP."""

    @classmethod
    async def lay(cls, settings: Settings, store: Store, node: str) -> "Ground":
        """Ask `store` for what it keeps for all processes. StoreError passes."""
        secret = await store.secret()
        ours = OurAddresses(settings.domains, our_addresses(settings))
        mint, counts = NonceMint(secret), NonceCounts(floor=time.time())
        lockout = Lockout(settings.limits.auth_failures, settings.limits.lockout)
        resolver, worker = dns_resolver(settings), worker_id(node)
        return cls(settings, store, worker, secret, ours, mint, counts, resolver, lockout)

    def authenticator(self, algorithms: Sequence[str]) -> Authenticator:
        return Authenticator(
            mint=self.mint,
            counts=self.counts,
            lookup=credential_lookup(self.store),
            algorithms=[str(name) for name in algorithms],
            domains=self.settings.domains,
            salt=self.worker,
            lockout=self.lockout,
        )


async def build(settings: Settings, store: Store, node: str) -> Services:
    """All services of the process named `node`.

    StoreError when the store does not answer, ServerError for a routing file that is no good.
    """
    routing = RoutingService(routing_file(settings))
    ground = await Ground.lay(settings, store, node)
    event_stats, metrics = EventStats(), Metrics()

    def on_request(tx: ServerTransaction) -> None:
        dispatcher.on_request(tx)

    debug = settings.log.level is LogLevel.DEBUG
    trusted = TrustedPeers(settings.sip.trusted_peers, settings.sip.trusted_tls_names)
    identities = _identities(ground, trusted)
    approvals = Approvals(store=store, authorize=lambda *asked: decide(*asked))
    xcap = _xcap(ground, identities, approvals, lambda change: services.on_change(change))
    profiles = ProfileDirectory(profile_files(settings), lambda: services.profiles_changed())
    documents = OwnerDocuments(store.document)
    sources = presence_sources(settings, store, documents, ground.secret)
    packages = event_packages(
        settings,
        built_in(settings, store, xcap.service, profiles, sources),
        changed=lambda resource: services.events.state_changed(resource),
        with_templates=partial(
            with_watcher_information,
            store=store,
            clock=time.time,
            min_interval=settings.presence.notify_interval,
        ),
    )
    endpoint = Endpoint(
        config=endpoint_config(settings, ground.worker),
        on_request=traced(on_request) if debug else on_request,
        on_ack=lambda request, flow: dispatcher.on_ack(request, flow),
        on_error=report_failure,
        on_flow_closed=lambda flow: services.on_flow_closed(flow),
        trusted=trusted.trusts,
        resolver=ground.resolver,
        stateless={"OPTIONS": lambda *arrived: dispatcher.options(*arrived)},
    )
    edge = Edge(
        ground.worker,
        ground.secret,
        lambda flow: internal_address(settings.sip.internal, endpoint.listening, flow.local),
    )
    registrar = RegistrarService(
        store=store,
        limits=registrar_limits(settings),
        is_ours=ground.ours.is_domain,
        clock=time.time,
        edge=edge,
        extensions=registrar_extensions(settings),
        is_open=lambda name: endpoint.flow_named(name) is not None,
        leads_back=ground.ours.leads_back,
    )
    rules = rules_service(settings, store, xcap.service.access, packages, lambda: events.policy)
    decide = authorize(rules, settings, packages)
    events = EventService(
        store=store,
        endpoint=endpoint,
        packages=packages,
        config=presence_config(settings),
        authorize=decide,
        exists=identities.exists,
        clock=time.time,
        metrics=event_stats,
        resolve_target=NotifyTargets(
            registrar.targets, edge, lambda name: endpoint.flow_named(name)
        ).resolve,
        on_expired_bindings=registrar.expired,
    )
    relay = RelayService(
        endpoint=endpoint,
        ours=ground.ours,
        targets=registrar.targets,
        exists=identities.exists,
        secret=ground.secret,
        clock=time.time,
        worker=ground.worker,
        trusted=identities.trusts,
        flow_failed=registrar.flow_failed,
        router=routing,
        config=relay_config(settings),
    )
    dispatcher = _dispatcher(
        ground, packages, identities, events, registrar, relay, metrics.request, routing
    )
    services = Services(
        ground.ours,
        store,
        endpoint,
        events,
        registrar,
        relay,
        dispatcher,
        xcap,
        event_stats,
        metrics,
        routing,
        ground.resolver,
        identities,
        KeepaliveService(
            registrar=registrar, endpoint=endpoint, interval=settings.sip.nat_keepalive
        ),
        RecoveryService(registrar=registrar, store=store, worker_of=worker_id, own=ground.worker),
        Administration(
            store=store,
            service=xcap.service,
            config=xcap_config(settings),
            clock=time.time,
            on_change=lambda change: services.on_change(change),
        ),
        profiles,
        documents,
        rules,
        approvals,
    )
    if settings.presence.grace:
        registrar.subscribe(publishers_leave(events.bindings_changed))
    bindings_listener = on_bindings(sources, events.state_changed)
    if bindings_listener is not None:
        registrar.subscribe(bindings_listener)
    store.on_change(services.on_change)
    return services


def _identities(ground: Ground, trusted: TrustedPeers) -> IdentityService:
    sip, limits = ground.settings.sip, ground.settings.limits
    return IdentityService(
        authenticator=ground.authenticator(sip.digest_algorithms),
        trusted=trusted,
        ours=ground.ours,
        authenticate=sip.authenticate,
        credential=ground.store.credential,
        clock=time.time,
        accounts=AccountLimits(limits.account_rate, limits.account_burst, now=time.monotonic),
    )


def _dispatcher(
    ground: Ground,
    packages: Mapping[str, EventPackage],
    identities: IdentityService,
    events: EventService,
    registrar: RegistrarService,
    relay: RelayService,
    count: Callable[[str, int], None],
    routing: RoutingService,
) -> Dispatcher:
    tags = register_tags(registrar_extensions(ground.settings))
    return Dispatcher(
        ours=ground.ours,
        identities=identities,
        events=events,
        packages=sorted({package.name for package in packages.values()}),
        registrar=registrar,
        relay=relay,
        options=options_headers(
            packages=allow_events(packages),
            content_types=accepted_types(packages),
            supported=tags,
            codings=CODINGS,
        ),
        count=count,
        register_tags=tags,
        router=routing,
    )


def _xcap(
    ground: Ground, identities: IdentityService, approvals: Approvals, on_change: OnChange
) -> XcapServer:
    config = xcap_config(ground.settings)
    return XcapServer(
        store=provided_documents(ground.settings, ground.store, on_change),
        authenticator=ground.authenticator(ground.settings.http.digest_algorithms),
        config=config,
        usages=application_usages(config),
        exists=identities.exists,
        clock=time.time,
        on_change=on_change,
        certified=lambda transport: certified_users(transport, ground.ours),
        views=lambda service: (
            JsonView(service),
            ApprovalsView(service, approvals, config.domains[0]),
        ),
    )


def certified_users(transport: asyncio.BaseTransport, ours: OurAddresses) -> Sequence[AoR]:
    """The users of ours that the verified certificate of an HTTPS connection names."""
    certificate = certificate_of(transport)
    return () if certificate is None else [*filter(ours.serves, certificate.users)]


def report_failure(error: Exception, call_id: str) -> None:
    """Write what went wrong in the stack while nobody could be told of it."""
    if isinstance(error, SipError):
        log.info("not-delivered", error=str(error), call_id=call_id)
    else:
        log.error("stack-failed", exc_info=error, call_id=call_id)


def credential_lookup(store: Store) -> CredentialLookup:
    """The store's credentials as the authenticator wants them."""

    async def lookup(aor: AoR) -> Hashes | None:
        found = await store.credential(aor)
        if found is None:
            return None
        return Hashes(aor, found.md5, found.sha256, found.md5_full, found.sha256_full)

    return lookup
