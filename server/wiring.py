"""Builds the services over an open store, each given its own part of the settings. Shell.

Nothing listens and nothing runs yet when `build` returns; `server.app` starts and stops it.
"""

import time
from dataclasses import dataclass
from hashlib import blake2s
from typing import Final

import structlog

from presence.config import PresenceConfig
from presence.package import EventPackage, allow_events
from presence.packages.presence import presence_package
from presence.policy import default_policy
from presence.service import EventService
from presence.stats import EventStats
from proxy.addresses import OurAddresses
from proxy.options import options_headers
from proxy.registrar_service import RegistrarService
from proxy.registration import SUPPORTED, Limits
from proxy.relay_service import RelayService
from server.config import LogLevel, Settings
from server.dispatch import Dispatcher
from server.identity_service import IdentityService
from server.logs import traced
from server.metrics import Metrics
from sip.authenticator import Authenticator, CredentialLookup, Hashes
from sip.digest import NonceCounts, NonceMint
from sip.errors import SipError
from sip.transport.config import EndpointConfig
from sip.transport.endpoint import Endpoint, ServerTransaction
from sip.trust import TrustedPeers
from sip.uri import AoR
from store.store import Store
from store.values import Change
from xcap.config import XcapConfig
from xcap.http import XcapServer

WORKER_ID_OCTETS: Final = 4
"""Of the hash of the node's name that goes into every branch and tag."""


log = structlog.get_logger("server")


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one process."""

    store: Store
    endpoint: Endpoint
    events: EventService
    registrar: RegistrarService
    relay: RelayService
    dispatcher: Dispatcher
    identities: IdentityService
    xcap: XcapServer
    event_stats: EventStats
    metrics: Metrics

    def on_change(self, change: Change) -> None:
        """Hear what another process changed."""
        self.events.on_change(change)
        self.registrar.on_change(change)


@dataclass(frozen=True, slots=True)
class Nonces:
    """What the digests of SIP and XCAP share."""

    mint: NonceMint
    counts: NonceCounts
    lookup: CredentialLookup
    salt: str

    def authenticator(self, algorithms: tuple[str, ...], domains: tuple[str, ...]) -> Authenticator:
        return Authenticator(
            mint=self.mint,
            counts=self.counts,
            lookup=self.lookup,
            algorithms=[str(name) for name in algorithms],
            domains=domains,
            salt=self.salt,
        )


def event_packages(settings: Settings) -> dict[str, EventPackage]:
    """Event packages that are served, by their name in the store; a new one is a line here."""
    packages = [presence_package(min_interval=settings.presence.notify_interval)]
    return {package.stored_as: package for package in packages}


def worker_id(node: str) -> str:
    """Letters and digits that tell this process's branches and tags from those of others."""
    return blake2s(node.encode(), digest_size=WORKER_ID_OCTETS).hexdigest()


async def build(settings: Settings, store: Store, node: str) -> Services:
    """All services of one process named `node`. StoreError when the store does not answer."""
    secret = await store.secret()
    worker = worker_id(node)
    packages = event_packages(settings)
    ours = OurAddresses(settings.domains, our_addresses(settings))
    nonces = Nonces(
        NonceMint(secret), NonceCounts(floor=time.time()), credential_lookup(store), worker
    )
    identities = IdentityService(
        authenticator=nonces.authenticator(settings.sip.digest_algorithms, settings.domains),
        trusted=TrustedPeers(settings.sip.trusted_peers),
        ours=ours,
        authenticate=settings.sip.authenticate,
        credential=store.credential,
        clock=time.time,
    )

    def on_request(tx: ServerTransaction) -> None:
        dispatcher.on_request(tx)

    debug = settings.log.level is LogLevel.DEBUG
    endpoint = Endpoint(
        config=EndpointConfig(
            listen=settings.sip.listen, advertise=settings.sip.advertise, worker_id=worker
        ),
        on_request=traced(on_request) if debug else on_request,
        on_ack=lambda request, flow: dispatcher.on_ack(request, flow),
        on_error=report_failure,
    )
    event_stats, metrics = EventStats(), Metrics()
    events = EventService(
        store=store,
        endpoint=endpoint,
        packages=packages,
        config=presence_config(settings),
        authorize=default_policy(settings.presence.default_policy.value),
        exists=identities.exists,
        clock=time.time,
        metrics=event_stats,
    )
    registrar = RegistrarService(
        store=store,
        limits=Limits(
            settings.sip.min_expires, settings.sip.max_expires, settings.sip.max_contacts
        ),
        is_ours=ours.is_domain,
        clock=time.time,
        worker=worker,
    )
    relay = RelayService(
        endpoint=endpoint,
        ours=ours,
        lookup=registrar.lookup,
        exists=identities.exists,
        secret=secret,
    )
    names = allow_events(packages)
    dispatcher = Dispatcher(
        ours=ours,
        identities=identities,
        events=events,
        packages=names,
        registrar=registrar,
        relay=relay,
        options=options_headers(
            packages=names,
            content_types=[kind for package in packages.values() for kind in package.publish_types],
            supported=sorted(SUPPORTED),
        ),
        count=metrics.request,
    )
    xcap = XcapServer(
        store=store,
        authenticator=nonces.authenticator(settings.http.digest_algorithms, settings.domains),
        config=xcap_config(settings),
        exists=identities.exists,
        clock=time.time,
    )
    services = Services(
        store, endpoint, events, registrar, relay, dispatcher, identities, xcap,
        event_stats, metrics,
    )  # fmt: skip
    store.on_change(services.on_change)
    return services


def presence_config(settings: Settings) -> PresenceConfig:
    """What the event server is told."""
    return PresenceConfig(
        domains=frozenset(settings.domains),
        min_expires=settings.presence.min_expires,
        max_expires=settings.presence.max_expires,
        publish_expires=settings.presence.max_expires,
        default_policy=settings.presence.default_policy.value,
        notify_interval=settings.presence.notify_interval,
    )


def xcap_config(settings: Settings) -> XcapConfig:
    """What the XCAP server is told."""
    return XcapConfig(
        domains=settings.domains,
        root=settings.http.xcap_root,
        authenticate=settings.http.authenticate,
        trusted_peers=settings.http.trusted_peers,
        trusted_users=frozenset(settings.xcap.trusted_users),
        max_body=settings.xcap.max_body,
        compatibility=settings.xcap.compatibility,
    )


def report_failure(error: Exception, call_id: str) -> None:
    """Write what went wrong in the stack while nobody could be told of it."""
    if isinstance(error, SipError):
        log.info("not-delivered", error=str(error), call_id=call_id)
    else:
        log.error("stack-failed", exc_info=error, call_id=call_id)


def our_addresses(settings: Settings) -> list[str]:
    """`host:port` of this server as it is advertised and listened on."""
    listened = [listen.partition(":")[2] for listen in settings.sip.listen]
    return [*filter(None, [settings.sip.advertise]), *listened]


def credential_lookup(store: Store) -> CredentialLookup:
    """The store's credentials as the authenticator wants them."""

    async def lookup(aor: AoR) -> Hashes | None:
        found = await store.credential(aor)
        if found is None:
            return None
        return Hashes(aor, found.md5, found.sha256, found.md5_full, found.sha256_full)

    return lookup
