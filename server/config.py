"""Every setting, its default and its meaning; sample file and reference page are made of this.

Values are checked here and read elsewhere (`server.settings`). Durations are seconds, sizes
octets. Packages never import this: `server.app` hands each its own values.
"""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from server.addresses import check_advertise, check_internal
from server.config_presence import PresenceSettings
from server.config_values import (
    BOTH,
    Algorithms,
    AsList,
    Auid,
    DnsServers,
    DocumentName,
    Domain,
    HttpListen,
    LogFormat,
    LogLevel,
    MediaType,
    Networks,
    Origin,
    PublicRoot,
    Routes,
    Seconds,
    SipListen,
    Users,
    XcapListen,
    check_root,
    check_store_url,
    table_from_text,
)

ENVIRONMENT_PREFIX: Final = "PRESENTITY_"
ENVIRONMENT_DELIMITER: Final = "__"

_SECTION: Final = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class StoreSettings(BaseModel):
    """Where everything that must survive is kept."""

    model_config = _SECTION

    url: Annotated[str, AfterValidator(check_store_url)] = Field(
        "sqlite:///presentity.db",
        description='or "postgresql://user:password@host/database"',
    )


class SipSettings(BaseModel):
    """SIP listeners and registrations."""

    model_config = _SECTION

    listen: Annotated[tuple[SipListen, ...], AsList, Field(min_length=1)] = Field(
        ("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"),
        description='also "tls:...", "ws:..." and "wss:..."; IPv6 as "udp:[::1]:5060"',
    )
    advertise: Annotated[str, AfterValidator(check_advertise)] = Field(
        "",
        description="public host or host:port put into Via, Contact and Record-Route; the port "
        "is that of udp and tcp, with tls, ws and wss the listener's own is told",
    )
    max_connections: int = Field(
        50_000, ge=0, description="by tcp, tls, ws and wss together; more are refused"
    )
    max_connections_per_source: int = Field(
        1000, ge=0, description="from one address that is no trusted peer"
    )
    internal: Annotated[str, AfterValidator(check_internal)] = Field(
        "",
        description="host:port, udp or tcp, at which other processes of the deployment reach "
        "this one; empty: its first udp listener, else its first tcp listener",
    )
    authenticate: bool = Field(
        True, description="digest for REGISTER, PUBLISH, SUBSCRIBE and relayed requests"
    )
    digest_algorithms: Algorithms = Field(BOTH, description="challenges in this order")
    min_expires: Seconds = Field(60, description="registrations, seconds")
    max_expires: Seconds = Field(7200, description="registrations, seconds")
    max_contacts: int = Field(50, ge=1, description="per AoR")
    service_route: Routes = Field(
        (), description='routes for clients to send by, "sip:edge.example.com;lr" (RFC 3608)'
    )
    outbound: bool = Field(True, description="register flows of clients that ask (RFC 5626)")
    flow_timer: Seconds = Field(
        120, description="seconds between keep-alives that clients on a flow are told; 0 none"
    )
    gruu: bool = Field(True, description="give GRUUs to clients that ask, and route to them")
    nat_keepalive: Seconds = Field(
        0, description="seconds between OPTIONS to UDP clients behind a NAT; 0 sends none"
    )
    trusted_peers: Networks = Field(
        (),
        description="networks whose requests are taken as authenticated "
        "(P-Asserted-Identity, else From)",
    )
    trusted_tls_names: Annotated[tuple[Domain, ...], AsList] = Field(
        (),
        description="domains whose certificates make their holders trusted peers "
        "(tls.client_ca checks them)",
    )
    websocket_origins: Annotated[tuple[str, ...], AsList] = Field(
        (),
        description='web origins whose pages may open WebSockets, "https://phone.example.com"; '
        "empty allows all; programs that name no origin are always let in",
    )
    timer_c: float = Field(
        181, gt=180, description="seconds an INVITE may ring without news (RFC 3261 timer C)"
    )
    max_branches: int = Field(20, ge=1, description="contacts that one request is forked to")
    record_route: bool = Field(
        True, description="stay in the path of calls; false: only of those that need it"
    )
    routing: str = Field(
        "",
        description="the operator's Python file of routing callbacks (docs/routing.md); "
        "loaded again on SIGHUP",
    )

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.min_expires > self.max_expires:
            raise ValueError("min_expires is more than max_expires")
        return self


class DnsSettings(BaseModel):
    """Looking up where requests of other domains go."""

    model_config = _SECTION

    servers: DnsServers = Field(
        (), description="IP addresses, each with a port if it is not 53; empty: the system's"
    )
    timeout: float = Field(
        2, gt=0, le=60, description="seconds for one look-up, every server and try together"
    )


class HttpSettings(BaseModel):
    """The XCAP listener."""

    model_config = _SECTION

    listen: Annotated[tuple[XcapListen, ...], AsList, Field(min_length=1)] = Field(
        ("0.0.0.0:8080",),
        description='XCAP; "https:HOST:PORT" serves TLS with the certificates of [tls]',
    )
    xcap_root: Annotated[str, AfterValidator(check_root)] = Field(
        "/xcap-root", description="path of the XCAP root"
    )
    public_root: PublicRoot = Field(
        "",
        description="URL of the XCAP root as clients know it: xcap-diff tells them of it, and "
        "list services may refer to lists by it; "
        "empty: made of listen, sip.advertise or the first domain, and xcap_root",
    )
    authenticate: bool = Field(True, description="digest, and Basic where it is encrypted")
    digest_algorithms: Algorithms = Field(BOTH, description="challenges in this order")
    trusted_peers: Networks = Field(
        (),
        description="networks that may assert the user "
        "(X-3GPP-Asserted-Identity, X-XCAP-Asserted-Identity)",
    )
    cors_origins: Annotated[tuple[Origin, ...], AsList] = Field(
        (),
        description='web origins whose pages may use XCAP, "https://app.example.com"; '
        '"*" allows all, empty none',
    )


class AdminSettings(BaseModel):
    """The listener for the operator; it has no authentication, so keep it off the network."""

    model_config = _SECTION

    listen: HttpListen = Field("127.0.0.1:8081", description="/healthz /readyz /metrics /api")
    hosts: Annotated[tuple[Domain, ...], AsList] = Field(
        (),
        description="names by which /api may be called, besides localhost and IP addresses "
        "(a web page under another name is no operator)",
    )


class HostCertificate(BaseModel):
    """PEM files of one host name."""

    model_config = _SECTION

    certificate: str = Field(min_length=1)
    key: str = ""


class TlsSettings(BaseModel):
    """PEM files for tls, wss and https listeners and for TLS to others; read again on SIGHUP."""

    model_config = _SECTION

    certificate: str = Field("", description="our certificate and its chain; listeners need it")
    key: str = Field("", description="the certificate's key; empty: it is in the same file")
    hosts: Annotated[dict[Domain, HostCertificate], BeforeValidator(table_from_text)] = Field(
        {},
        description="certificates for clients that ask for another host name (SNI): "
        '{"sip.example.org" = {certificate = "org.pem", key = "org.key"}}',
    )
    client_ca: str = Field(
        "", description="roots; when set, client certificates are asked for and checked"
    )
    require_client_certificate: bool = Field(
        False, description="true lets nobody in without one; needs client_ca"
    )
    server_ca: str = Field(
        "", description="roots for the servers that we connect to; empty: those of the system"
    )

    @model_validator(mode="after")
    def _can_be_checked(self) -> Self:
        if self.require_client_certificate and not self.client_ca:
            raise ValueError("require_client_certificate needs client_ca")
        return self


class LimitsSettings(BaseModel):
    """What others may ask of the server."""

    model_config = _SECTION

    source_rate: float = Field(
        300,
        ge=0,
        description="SIP requests a second of one source address that is no trusted peer; "
        "0 sets no limit",
    )
    source_burst: int = Field(3000, ge=1, description="SIP requests of one source at once")
    account_rate: float = Field(
        100, ge=0, description="SIP requests a second of one authenticated user; 0 sets no limit"
    )
    account_burst: int = Field(1000, ge=1, description="SIP requests of one user at once")
    auth_failures: int = Field(
        20,
        ge=0,
        description="wrong passwords of one source for one user before it is locked out, "
        "and a tenth of what it may fail with all users; 0 locks nobody out",
    )
    lockout: Seconds = Field(300, description="seconds that a lock-out lasts")


class DeclaredUsageSettings(BaseModel):
    """An application usage of the operator's own."""

    model_config = _SECTION

    namespace: str = Field(min_length=1)
    media_type: MediaType
    schema_file: str = Field(min_length=1, alias="schema")
    root: str = ""
    documents: Annotated[tuple[DocumentName, ...], AsList] = ()


class XcapSettings(BaseModel):
    """XCAP documents."""

    model_config = _SECTION

    trusted_users: Users = Field(
        (), description="AoRs that may read what the standards reserve for trusted readers"
    )
    max_body: int = Field(262144, ge=1, description="octets; more is 413")
    compatibility: bool = Field(
        False, description="true forgives what widespread clients get wrong"
    )
    versions: int = Field(
        20,
        ge=0,
        le=1000,
        description="kept of each document, to undo and to tell changes by; 0 keeps none, "
        "and xcap-diff has no patches",
    )
    search: bool = Field(True, description="answer org.openmobilealliance.search")
    public_icons: bool = Field(
        False, description="true lets anybody read pres-content, without credentials"
    )
    test_app: bool = Field(False, description="serve the AUID test-app, for tests of clients")
    usages: Annotated[dict[Auid, DeclaredUsageSettings], BeforeValidator(table_from_text)] = Field(
        {},
        description="application usages of your own (docs/xcap.md): "
        '{"com.example.notes" = {namespace = "urn:notes", '
        'media_type = "application/vnd.example.notes+xml", schema = "notes.xsd"}}; '
        "root and documents name the only ones there may be",
    )


class LogSettings(BaseModel):
    """What is written to standard error."""

    model_config = _SECTION

    level: LogLevel = Field(LogLevel.INFO, description="debug | info | warning | error")
    format: LogFormat = Field(LogFormat.LOGFMT, description="logfmt | json")


class Settings(BaseSettings):
    """The whole configuration, checked."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter=ENVIRONMENT_DELIMITER,
        enable_decoding=False,
    )

    domains: Annotated[tuple[Domain, ...], AsList, Field(min_length=1)] = Field(
        ("example.com",), description="SIP domains that are served"
    )
    workers: int = Field(1, ge=1, description="processes on this host (only 1 for now)")
    store: StoreSettings = StoreSettings()
    sip: SipSettings = SipSettings()
    dns: DnsSettings = DnsSettings()
    http: HttpSettings = HttpSettings()
    admin: AdminSettings = AdminSettings()
    tls: TlsSettings = TlsSettings()
    limits: LimitsSettings = LimitsSettings()
    presence: PresenceSettings = PresenceSettings()
    xcap: XcapSettings = XcapSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """First wins: `--set` (given as arguments), the environment, the TOML file."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))

    @model_validator(mode="after")
    def _policies_are_of_domains(self) -> Self:
        for domain in self.presence.domain_policy:
            if domain not in self.domains:
                raise ValueError(f"presence.domain_policy: {domain} is none of domains")
        return self

    @model_validator(mode="after")
    def _numbers_are_of_a_domain(self) -> Self:
        domain = self.presence.tel_domain
        if domain and domain not in self.domains:
            raise ValueError(f"presence.tel_domain: {domain} is none of domains")
        return self

    @model_validator(mode="after")
    def _one_process_only(self) -> Self:
        if self.workers > 1 and self.store.url.startswith("sqlite:"):
            raise ValueError("workers: SQLite serves one process; use PostgreSQL for more")
        if self.workers > 1:
            raise ValueError("workers: more than 1 is not supported yet")
        return self
