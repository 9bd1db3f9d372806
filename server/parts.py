"""Each package's own configuration value, out of the settings. Pure."""

from hashlib import blake2s
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from presence.config import PresenceConfig
from proxy.answers import Extensions
from proxy.registration import Limits
from proxy.relay_service import RelayConfig
from server.addresses import HTTPS, HostPort
from server.config import DeclaredUsageSettings, Settings, TlsSettings
from server.errors import ServerError
from sip.transport.config import CertificateFiles, EndpointConfig, TlsConfig, advertised
from sip.transport.dns import Dns
from sip.transport.dns_resolver import DnsResolver
from sip.transport.flow import bracketed
from xcap.config import DeclaredUsage, XcapConfig
from xcap.declared import BadUsage
from xcap.registry import usages
from xcap.usage import Usage

ANY_ADDRESS: Final = ("0.0.0.0", "::")
WORKER_ID_OCTETS: Final = 4
"""Of the hash of the node's name that goes into every branch and tag."""


def worker_id(node: str) -> str:
    """Letters and digits that tell this process's branches and tags from those of others."""
    return blake2s(node.encode(), digest_size=WORKER_ID_OCTETS).hexdigest()


def endpoint_config(settings: Settings, worker: str) -> EndpointConfig:
    """What the SIP endpoint is told."""
    sip, limits = settings.sip, settings.limits
    return EndpointConfig(
        listen=sip.listen,
        advertise=sip.advertise,
        worker_id=worker,
        max_connections=sip.max_connections,
        max_connections_per_source=sip.max_connections_per_source,
        tls=tls_config(settings.tls),
        websocket_origins=frozenset(sip.websocket_origins),
        source_rate=limits.source_rate,
        source_burst=limits.source_burst,
    )


def tls_config(tls: TlsSettings) -> TlsConfig:
    """What the SIP endpoint is told of certificates."""
    hosts = {
        name: CertificateFiles(files.certificate, files.key) for name, files in tls.hosts.items()
    }
    return TlsConfig(
        own=CertificateFiles(tls.certificate, tls.key) if tls.certificate else None,
        hosts=hosts,
        client_ca=tls.client_ca,
        require_client_certificate=tls.require_client_certificate,
        server_ca=tls.server_ca,
    )


def dns_resolver(settings: Settings) -> DnsResolver:
    """What finds other servers; it looks for addresses of the families that we listen on."""
    families = {"AAAA" if "[" in listen else "A" for listen in settings.sip.listen}
    return DnsResolver(dns_client(settings), addresses="+".join(sorted(families)))


def dns_client(settings: Settings) -> Dns:
    """What asks DNS."""
    return Dns(servers=settings.dns.servers, timeout=settings.dns.timeout)


def registrar_limits(settings: Settings) -> Limits:
    """What the registrar is told."""
    sip = settings.sip
    return Limits(sip.min_expires, sip.max_expires, sip.max_contacts)


def registrar_extensions(settings: Settings) -> Extensions:
    """What the registrar does beyond RFC 3261."""
    sip = settings.sip
    return Extensions(sip.outbound, sip.flow_timer, sip.gruu, sip.service_route, sip.nat_keepalive)


def relay_config(settings: Settings) -> RelayConfig:
    """What the relay is told."""
    sip = settings.sip
    return RelayConfig(sip.timer_c, sip.max_branches, sip.record_route)


def routing_file(settings: Settings) -> Path | None:
    """Where the operator's routing file is, if there is one."""
    return Path(settings.sip.routing) if settings.sip.routing else None


def profile_files(settings: Settings) -> Path | None:
    """Where the profiles of devices and users are, if there are any."""
    return Path(settings.presence.profiles) if settings.presence.profiles else None


def presence_config(settings: Settings) -> PresenceConfig:
    """What the event server is told."""
    presence = settings.presence
    return PresenceConfig(
        domains=frozenset(settings.domains),
        min_expires=presence.min_expires,
        max_expires=presence.max_expires,
        default_policy=presence.default_policy.value,
        domain_policy={domain: policy.value for domain, policy in presence.domain_policy.items()},
        rules=presence.rules,
        no_match=presence.no_match.value,
        provision_rules=presence.provision_rules.value,
        silent_block=presence.silent_block,
        waiting=presence.waiting,
        tel_domain=presence.tel_domain or settings.domains[0],
        neutral=presence.neutral.value,
        composition=presence.composition.value,
        registrations=presence.registrations,
        calls=presence.calls,
        last_active=presence.last_active,
        grace=presence.grace,
        compress=presence.compress,
        replace=presence.replace.value,
        expires_jitter=presence.expires_jitter,
        notify_rate=presence.notify_rate,
    )


def xcap_config(settings: Settings) -> XcapConfig:
    """What the XCAP server is told."""
    return XcapConfig(
        domains=settings.domains,
        root=settings.http.xcap_root,
        public_root=urlsplit(settings.http.public_root).path.rstrip("/"),
        authenticate=settings.http.authenticate,
        trusted_peers=settings.http.trusted_peers,
        trusted_users=frozenset(settings.xcap.trusted_users),
        max_body=settings.xcap.max_body,
        compatibility=settings.xcap.compatibility,
        cors_origins=settings.http.cors_origins,
        versions=settings.xcap.versions,
        search=settings.xcap.search,
        public_icons=settings.xcap.public_icons,
        test_app=settings.xcap.test_app,
        declared=tuple(_declared(auid, usage) for auid, usage in settings.xcap.usages.items()),
    )


def application_usages(config: XcapConfig) -> tuple[Usage, ...]:
    """Those that are served. ServerError names the setting of one that cannot be."""
    try:
        return usages(config)
    except BadUsage as error:
        key = ".".join(filter(None, ("xcap.usages", error.auid, error.key)))
        raise ServerError(f"{key}: {error}") from error


def _declared(auid: str, usage: DeclaredUsageSettings) -> DeclaredUsage:
    """What the XCAP server is told of an application usage of the operator's own."""
    return DeclaredUsage(
        auid,
        usage.namespace,
        usage.media_type,
        usage.schema_file,
        usage.root,
        usage.documents,
    )


def xcap_root_url(settings: Settings) -> str:
    """The URL of the XCAP root as clients know it, with a slash at its end."""
    http = settings.http
    if http.public_root:
        return http.public_root
    listen = http.listen[0]
    address = HostPort.parse(listen.removeprefix(HTTPS))
    host = address.host
    if host in ANY_ADDRESS:
        host = advertised(settings.sip.advertise, (settings.domains[0], 0))[0]
    scheme = "https" if listen.startswith(HTTPS) else "http"
    return f"{scheme}://{HostPort(host, address.port)}{http.xcap_root}/"


def our_addresses(settings: Settings) -> list[str]:
    """`host:port` of this server as it is advertised, with every listener, and listened on."""
    sip = settings.sip
    listened = [listen.partition(":")[2] for listen in sip.listen]
    told = [_told(sip.advertise, listen) for listen in listened] if sip.advertise else []
    return [*filter(None, [sip.advertise, sip.internal]), *dict.fromkeys(told), *listened]


def _told(advertise: str, listen: str) -> str:
    """What peers are told of a TLS or WebSocket listener: its own port at the advertised host."""
    port = int(listen.rpartition(":")[2])
    host, port = advertised(advertise, ("", port), transport="TLS")
    return f"{bracketed(host)}:{port}"
